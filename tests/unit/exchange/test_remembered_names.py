"""What is remembered of the names that callers choose stays small, however long they are."""

from __future__ import annotations

import gc
import tracemalloc

from costward_extproc.core.events import ReadOn, Stand
from costward_extproc.envoy_messages import reply_of

from tests.fakes.world import World, chat, policy, tier

LONG = 200_000


def _kept(model: str, header: str) -> int:
    """Bytes that stay after an exchange with names of that length."""
    tracemalloc.start()
    for number in range(10):
        world = World.of(policy(tiers=(tier(10**12),)))
        run = world.ask(chat(model=f"{number}{model}"), {f"x-costward-{number}{header}": "1"})
        reply_of(run.only(ReadOn))
    del world, run
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept


def test_long_names_are_not_kept() -> None:
    _kept("m", "h")
    assert _kept("m" * LONG, "h" * LONG) < LONG


def test_names_are_told_apart_by_as_much_as_the_price_list_looks_at() -> None:
    world = World.of(policy(tiers=(tier(10**12),)))
    one, same, other = (
        world.ask(chat(model=model)).only(Stand).output_key for model in ("m" * 300, "m" * 301, "m" * 255)
    )
    assert one == same != other

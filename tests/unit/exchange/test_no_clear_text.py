"""What people say, who they are and what they sign with stays out of records, keys, headers and settlements."""

from __future__ import annotations

import json
from typing import Any

from costward_contract.snapshot import CachePolicy, FixedThreshold, HeaderSource, Identity, LadderStep
from costward_extproc.core.events import Embed, GoUpstream, PassChunk, Store
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.world import World, chat, completion, policy, stream, tier

MARK = "zq7secret"
IDENTITY = Identity(
    user=HeaderSource("x-user-id", trusted_from=("app",)),
    tier=HeaderSource("x-user-tier", trusted_from=("app",)),
    session_headers=("x-session-id",),
)
PRIVATE_HEADERS = {
    "authorization": f"Bearer {MARK}",
    "x-user-id": f"{MARK}@example.com",
    "x-user-tier": MARK,
    "x-session-id": MARK,
    "accept-language": MARK,
    ":path": f"/v1/chat/completions?key={MARK}",
    "cookie": MARK,
}
LADDER = (LadderStep(800_000, "Warn"), LadderStep(1_000_000, "Message"))

DOCUMENTS: list[Any] = [
    chat(f"How do I reset {MARK}?"),
    chat(f"How do I reset {MARK}?", stream=True),
    chat(messages=[{"role": "system", "content": MARK}, {"role": "user", "content": f"What of {MARK} today?"}]),
    chat(MARK, user=MARK, metadata={MARK: MARK}, prompt_cache_key=MARK),
    chat(MARK, tools=[{"type": "function", "function": {"name": MARK}}], tool_choice=MARK),
    b"%s is not json" % MARK.encode(),
    b'{"%s": 1, "%s": 2}' % (MARK.encode(), MARK.encode()),
]
ANSWERS = [completion(MARK), stream(f"say {MARK} and go"), stream(MARK, done=False), b'{"error": "%s"}' % MARK.encode()]


@settings(max_examples=200, deadline=None)
@given(
    questions=st.lists(st.tuples(st.sampled_from(DOCUMENTS), st.sampled_from(ANSWERS)), min_size=1, max_size=4),
    spent=st.sampled_from([0, 900_000, 1_000_000]),
    failing=st.sets(st.sampled_from(["stand", "exact", "embed", "near", "reserve"]), max_size=1),
    per=st.sampled_from(["User", "Session", "Tier", "Workload"]),
)
def test_no_clear_text(questions: list[tuple[Any, bytes]], spent: int, failing: set[str], per: Any) -> None:
    rules = policy(
        tiers=(tier(1_000_000, *LADDER, per=per),),
        identity=IDENTITY,
        cache=CachePolicy(mode="Enforce", scope="User", semantic=FixedThreshold(900_000), bypass=("TimeSensitive",)),
    )
    world = World.of(rules, already_spent=spent, fail=frozenset(failing))
    for document, answer in questions:
        run = world.ask(document, PRIVATE_HEADERS, answer)
        assert MARK not in json.dumps(run.headers)
        # Bodies go where they must: upstream, to the caller, into the embedder, into the cache's own value.
        told = [effect for effect in run.effects if not isinstance(effect, Embed | GoUpstream | PassChunk | Store)]
        assert all(MARK not in repr(effect) for effect in told if effect is not run.answer)
        for effect in run.effects:
            if isinstance(effect, Store):
                entry = effect.entry
                assert MARK not in f"{entry.partition} {entry.key} {entry.policy} {entry.id}"
        if run.record.decision == "refuse":
            assert run.answer is not None
            assert MARK.encode() not in run.answer.body
    assert MARK not in repr(world.records)


def test_digests_are_keyed() -> None:
    """Else whoever reads the books could try names until one fits."""
    world = World.of(policy(identity=IDENTITY))
    first = world.ask(chat(), PRIVATE_HEADERS).record
    world.means = type(world.means)(
        quote=world.means.quote, count_tokens=world.means.count_tokens, digest_key=b"other", embedder_id=None
    )
    second = world.ask(chat(), PRIVATE_HEADERS).record
    assert first.user != second.user
    assert first.session != second.session
    assert first.inputs.exact_key != second.inputs.exact_key

"""Record v1 is read by the log, the books and `explain`: its members are a promise, and it is plain JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, fields

from costward_contract.snapshot import CachePolicy, FixedThreshold
from costward_extproc.core.record import Record

from tests.fakes.world import World, chat, policy, tier

MEMBERS = {
    "v": int,
    "id": str,
    "at": float,
    "cluster": str,
    "workload": str,
    "policy": str,
    "generation": int,
    "snapshot": str,
    "dialect": str,
    "asked_model": str,
    "served_model": str,
    "rung": str,
    "tenant": str,
    "user": type(None),
    "tier": str,
    "session": str,
    "decision": str,
    "reason": str,
    "owner": str,
    "task": str,
    "cache": dict,
    "route": dict,
    "inputs": dict,
    "caps": list,
    "attempts": list,
    "usage": dict,
    "price_source": str,
    "reserved": int,
    "cost": int,
    "baseline": int,
    "end": str,
    "status": int,
    "warnings": list,
    "timings": dict,
    "endpoint": str,
}
PARTS = {
    "cache": {"outcome", "reason", "tier", "partition", "entry", "score", "threshold", "stored"},
    "route": {"rule", "rung", "enforced"},
    "inputs": {
        "tokens",
        "max_tokens",
        "messages",
        "tools",
        "stream",
        "body_bytes",
        "task_type",
        "exact_key",
        "neighbour_scores",
    },
    "usage": {"input", "output", "cached_input", "cache_write", "cache_write_1h", "reasoning", "estimated"},
    "timings": {"decided", "first_byte", "ended"},
}


def _record() -> Record:
    rules = policy(tiers=(tier(),), cache=CachePolicy(mode="Enforce", semantic=FixedThreshold(900_000)))
    headers = {"x-costward-task": "t1", "x-costward-task-type": "Chat"}
    return World.of(rules).ask(chat(max_tokens=9), headers).record


def test_members_and_their_types() -> None:
    line = json.loads(json.dumps(asdict(_record())))
    assert {name: type(value) for name, value in line.items()} == MEMBERS
    assert line["v"] == 1
    assert {field.name for field in fields(Record)} == set(MEMBERS)


def test_members_of_the_parts() -> None:
    line = asdict(_record())
    assert {name: set(line[name]) for name in PARTS} == PARTS
    assert set(line["caps"][0]) == {"id", "limit", "spent", "reserved", "resets_at", "step"}
    assert set(line["attempts"][0]) == {"model", "status", "cost"}


def test_what_the_decision_rested_on() -> None:
    record = _record()
    assert (record.task, record.inputs.task_type, record.inputs.max_tokens) == ("t1", "Chat", 9)
    assert (record.inputs.messages, record.inputs.tools, record.inputs.stream) == (1, 0, False)
    assert record.inputs.body_bytes == len(json.dumps(chat(max_tokens=9)))
    assert record.inputs.tokens == 13
    assert record.reserved == 13 * 125 // 100 + 1 + 9 * 10
    assert (record.snapshot, record.generation, record.cluster) == ("sha256:test", 1, "test")
    assert (record.workload, record.tenant, record.owner) == ("test/team/app", "team", "support")


def test_names_that_callers_choose_have_an_end() -> None:
    """One request must not write megabytes into the books."""
    headers = {"x-costward-task": "t" * 50_000, "x-costward-task-type": "c" * 50_000}
    record = World.of(policy()).ask(chat(model="m" * 1_000_000), headers).record
    assert len(json.dumps(asdict(record))) < 4_000


def test_a_member_that_is_not_known_is_null() -> None:
    record = World.of(policy()).ask(b"?").record
    assert (record.asked_model, record.rung, record.inputs.exact_key, record.cache.tier) == (None, None, None, None)

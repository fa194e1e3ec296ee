"""What travels from the owner of a policy to the data plane: policy text, and the snapshot made of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from costward_contract.codec import decode, encode
from costward_contract.compiler import compile_policies
from costward_contract.errors import SnapshotError
from costward_contract.parse import Parsed, parse_documents, parse_object
from costward_contract.v1 import snapshot_pb2 as pb
from hypothesis import strategies as st

from tests.fakes.policy_documents import RICH
from tests.fuzz.inputs import changed, changed_often, odd_document, written
from tests.fuzz.target import Target, has_words

_EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "policies"
_TEXTS = tuple([path.read_bytes() for path in sorted(_EXAMPLES.glob("*.yaml"))] + [json.dumps(RICH).encode()])
_TOKENS = (
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!int ",
    b"---\n",
    b"? ",
    b"|\n",
    b">-\n",
    b"'",
    b"%YAML 1.1\n",
    b"0x",
    b"1_0",
    b"~",
)


def check_policy(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    parsed = parse_documents(text)
    _sound(parsed)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    # A control plane hands out plain values: the same rules read them.
    _sound(parse_object(value))


def _sound(parsed: Parsed) -> None:
    snapshot, verdicts = compile_policies(parsed.policies)
    assert all(verdict.accepted or verdict.reason in ("Conflicted", "TargetNotFound") for verdict in verdicts)
    assert decode(encode(snapshot)) == snapshot
    assert all(str(problem).isprintable() for problem in parsed.problems)


def _snapshot() -> bytes:
    snapshot, _ = compile_policies([p for text in _TEXTS for p in parse_documents(text.decode()).policies])
    return encode(snapshot)


def _sealed(body: bytes) -> bytes:
    """These bytes with a hash that is right, as whoever writes them could make it."""
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    return pb.Sealed(hash=digest, snapshot=body).SerializeToString(deterministic=True)


def check_snapshot(data: bytes) -> None:
    for given in (data, _sealed(data)):
        try:
            snapshot = decode(given)
        except SnapshotError as problem:
            has_words(problem)
            continue
        assert decode(encode(snapshot)).policies == snapshot.policies


_WHOLE = _snapshot()
_BODY = pb.Sealed.FromString(_WHOLE).snapshot
assert decode(_sealed(_BODY)) == decode(_WHOLE)

TARGETS = (
    Target(
        "policy",
        check_policy,
        changed(_TEXTS, _TOKENS) | odd_document([RICH]).flatmap(written),
        _TEXTS,
        grows=False,
    ),
    Target(
        "snapshot",
        check_snapshot,
        changed_often(
            st.sampled_from([_WHOLE, _BODY]), (_WHOLE, _BODY), (b"\x08\x01", b"\x0a\x00", b"\x12\x02\x08\x01")
        ),
        (_WHOLE, _BODY),
    ),
)

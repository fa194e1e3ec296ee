"""Whatever the text, reading it gives policies and problems, and what it accepts compiles and travels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

import yaml
from costward_contract.codec import decode, encode
from costward_contract.compiler import compile_policies
from costward_contract.parse import Parsed, parse_documents, parse_object
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fakes.policy_documents import RICH

WORDS = st.sampled_from(
    [
        "small",
        "large",
        "auto",
        "Off",
        "User",
        "Session",
        "Day",
        "80%",
        "100%",
        "1",
        "0.50",
        "24h",
        "x-user-id",
        "{spent}",
    ]
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), WORDS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | WORDS, inner, max_size=3),
    max_leaves=6,
)


def is_sound(parsed: Parsed) -> bool:
    """Accepted policies are compiled, all of them, and survive the wire; problems can be printed."""
    snapshot, verdicts = compile_policies(parsed.policies)
    assert all(verdict.accepted or verdict.reason in ("Conflicted", "TargetNotFound") for verdict in verdicts)
    assert decode(encode(snapshot)) == snapshot
    assert all(str(problem).isprintable() for problem in parsed.problems)
    return bool(parsed.policies) or bool(parsed.problems)


@settings(deadline=None)
@given(st.text())
@example("%YAML 99999999999999999999.1\n---\n")
@example("- !!int 0x_\n- !!int ''\n- !!float ''\n- !!bool x\n")
@example("=: 1")
@example("\ud800")
def test_any_text(text: str) -> None:
    assert is_sound(parse_documents(text)) or "List" in text


@settings(deadline=None)
@given(st.text(alphabet="{}[]:,-&*!|>'\"#%@`? \n\tab0.~<=", max_size=60))
def test_any_text_of_yaml_characters(text: str) -> None:
    assert is_sound(parse_documents(text))


@settings(deadline=None)
@given(VALUES)
def test_any_document(document: object) -> None:
    parsed = parse_documents(yaml.safe_dump(document, allow_unicode=True))

    assert is_sound(parsed)
    assert is_sound(parse_object(document))


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield from places(value[key], (*path, key))


def put(place: Any, path: tuple[str | int, ...], value: object) -> None:
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(places(RICH), key=repr)), VALUES), max_size=3))
@example([(("apiVersion",), [])])
@example([(("spec", "tiers", 0, "ladder", 1, "action"), "\x1f")])
def test_a_good_policy_with_anything_changed(changes: list[tuple[tuple[str | int, ...], object]]) -> None:
    document: Any = deepcopy(dict(RICH))
    for path, value in changes:
        # An earlier change may have taken this place away.
        with suppress(KeyError, IndexError, TypeError):
            put(document, path, value)
    assert is_sound(parse_documents(json.dumps(document)))

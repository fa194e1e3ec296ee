"""What is in a cluster beside what this version would render: what is missing, changed or of an older wiring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from costward_contract.wiring.mesh import HASH_ANNOTATION, VERSION_LABEL, Obj


@dataclass(frozen=True, slots=True)
class Difference:
    kind: Literal["missing", "version", "hash", "changed"]
    where: str
    """`Kind namespace/name`, with the path of the field where one is changed."""
    found: str
    wanted: str


def differences(given: Iterable[Obj], wanted: Iterable[Obj]) -> list[Difference]:
    """Of each wanted object; what else is given, and fields that the API server added, are nobody's drift."""
    known = {_name(one): one for one in given}
    return [found for one in wanted for found in _of(known.get(_name(one)), one)]


def _name(one: Obj) -> str:
    metadata = one.get("metadata") or {}
    return f"{one.get('kind')} {metadata.get('namespace', 'default')}/{metadata.get('name')}"


def _of(given: Obj | None, wanted: Obj) -> Iterator[Difference]:
    where = _name(wanted)
    if given is None:
        yield Difference("missing", where, "nothing", "the object")
        return
    marks: tuple[tuple[Literal["version", "hash"], str, str], ...] = (
        ("version", "labels", VERSION_LABEL),
        ("hash", "annotations", HASH_ANNOTATION),
    )
    for kind, part, key in marks:
        found = (given["metadata"].get(part) or {}).get(key, "none")
        if found != wanted["metadata"][part][key]:
            yield Difference(kind, where, str(found), wanted["metadata"][part][key])
    for path, found, expected in _changed(given.get("spec"), wanted["spec"], "spec"):
        yield Difference("changed", f"{where} {path}", _short(found), _short(expected))


def _changed(found: Any, wanted: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, value in wanted.items():
            yield from _changed(found.get(key), value, f"{path}.{key}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(found) == len(wanted):
        for index, (one, other) in enumerate(zip(found, wanted, strict=True)):
            yield from _changed(one, other, f"{path}[{index}]")
    elif found != wanted:
        yield path, found, wanted


def _short(value: Any) -> str:
    # Enough to know it again; a whole list of patches would hide the rest.
    return str(value)[:80]

"""Every field of the policy with its path, type, default and meaning, read off the model.

Error messages name the fields that exist and what they allow; the reference page prints the same list. Paths are
generic: `spec.tiers[].caps[].limitUSD`, and `*` for a name that the owner chooses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from costward_contract.policy import CostPolicy
from costward_contract.problem import Path
from costward_contract.scalars import Allowed

_QUOTED = ("", "Off")
"""Words that YAML does not read as text unless they are quoted."""


@dataclass(frozen=True, slots=True)
class FieldDoc:
    path: str
    allowed: str
    """In words."""
    required: bool
    default: str | None
    """As it would be written in YAML; None where there is none."""
    description: str


@cache
def fields(model: type[BaseModel] = CostPolicy) -> dict[str, FieldDoc]:
    """All fields of a resource by generic path, in the order of the model; for a list also its items."""
    return {doc.path: doc for doc in _of_model(model, "")}


def generic(path: Path, model: type[BaseModel] = CostPolicy) -> str:
    """The generic path of a place in a document: the field's own path, or where it would be if it existed."""
    known = fields(model)
    shown = "".join("[]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    named = ".".join([*shown.split(".")[:-1], "*"])
    return named if shown not in known and named in known else shown


def siblings(path: str, model: type[BaseModel] = CostPolicy) -> tuple[str, ...]:
    """Names of the fields beside this generic path."""
    parent = path.rpartition(".")[0]
    prefix = f"{parent}." if parent else ""
    beside = (known.removeprefix(prefix) for known in fields(model) if known.startswith(prefix))
    return tuple(name for name in beside if "." not in name and "[" not in name)


def _of_model(model: type[BaseModel], prefix: str) -> Iterator[FieldDoc]:
    for name, info in model.model_fields.items():
        path = f"{prefix}{info.alias or name}"
        yield FieldDoc(path, _allowed(info), info.is_required(), _default(info), info.description or "")
        yield from _inside(info.annotation, path)


def _inside(annotation: object, path: str) -> Iterator[FieldDoc]:
    kind = _plain(annotation)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from _of_model(kind, f"{path}.")
    elif get_origin(kind) is tuple:
        item = get_args(kind)[0]
        yield FieldDoc(f"{path}[]", _allowed(FieldInfo.from_annotation(item)), False, None, "")
        yield from _inside(item, f"{path}[]")
    elif get_origin(kind) is dict:
        value = get_args(kind)[1]
        words = _allowed(FieldInfo.from_annotation(value))
        yield FieldDoc(f"{path}.*", words, False, None, FieldInfo.from_annotation(value).description or "")


def _allowed(info: FieldInfo) -> str:
    metadata = (*info.metadata, *_metadata(info.annotation))
    words = next((item.words for item in metadata if isinstance(item, Allowed)), None)
    return words or _words(_plain(info.annotation), metadata)


def _words(kind: object, metadata: tuple[object, ...]) -> str:
    origin = get_origin(kind)
    if origin is Literal:
        return _either([f'"{value}"' if value in _QUOTED else value for value in get_args(kind)])
    if origin in (tuple, dict):
        most = next(item.max_length for item in metadata if isinstance(item, MaxLen))
        return f"{'a list' if origin is tuple else 'a mapping'} of at most {most}{_of(kind)}"
    if kind is int:
        low = next(item.ge for item in metadata if isinstance(item, Ge))
        high = next(item.le for item in metadata if isinstance(item, Le))
        return f"a whole number from {low} to {high}"
    if kind is bool:
        return "true or false"
    return "anything" if kind is NoneType else "a mapping"


def _of(kind: object) -> str:
    """What a list holds, where that is not a mapping of its own."""
    item = get_args(kind)[0]
    if get_origin(kind) is dict or (isinstance(item, type) and issubclass(item, BaseModel)):
        return ""
    return f": {_allowed(FieldInfo.from_annotation(item))}"


def _either(values: list[str]) -> str:
    return f"{', '.join(values[:-1])} or {values[-1]}" if len(values) > 1 else values[0]


def _plain(annotation: object) -> object:
    """The type without `| None` and without annotations."""
    if get_origin(annotation) in (Union, UnionType):
        return _plain(next(arg for arg in get_args(annotation) if arg is not NoneType))
    return _plain(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def _metadata(annotation: object) -> tuple[object, ...]:
    """What is annotated, also below `| None`."""
    if get_origin(annotation) in (Union, UnionType):
        return tuple(item for arg in get_args(annotation) for item in _metadata(arg))
    if get_origin(annotation) is not Annotated:
        return ()
    first, *rest = get_args(annotation)
    flat = tuple(item for entry in rest for item in (entry.metadata if isinstance(entry, FieldInfo) else (entry,)))
    return (*_metadata(first), *flat)


def _default(info: FieldInfo) -> str | None:
    value = info.default
    if value is PydanticUndefined or value is None or value in ((), {}) or isinstance(value, BaseModel):
        return None
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'

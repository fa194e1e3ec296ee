"""Strict reading of policies: every problem at once, each with its place, its value and what is allowed instead.

File mode, the CLI and the operator all read through here. It never raises on bad input: what is wrong is returned.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from costward_contract.checks import cluster_findings, findings
from costward_contract.cluster_policy import CLUSTER_KIND, ClusterCostPolicy
from costward_contract.document import Document, Unreadable, read_documents
from costward_contract.fields import fields, generic, siblings
from costward_contract.future import is_future_field, is_future_value
from costward_contract.policy import API_VERSION, KIND, CostPolicy
from costward_contract.problem import Finding, Path, Problem, one_line, render_path, shorten

# Enough to mend a file in one go; a file with more has one mistake that repeats.
MAX_PROBLEMS = 100

# Sentences may name rungs and fields of the document: 400 characters hold all fields of the largest mapping.
_SENTENCE = 400

# A tuple, not a set: what is looked up in it may be unhashable.
_LISTS = (("v1", "List"), (API_VERSION, f"{KIND}List"), (API_VERSION, f"{CLUSTER_KIND}List"))

KINDS = (KIND, CLUSTER_KIND)
"""What there is to read. A caller that can honour fewer says which: another is a problem, never left out silently."""

AnyPolicy: TypeAlias = CostPolicy | ClusterCostPolicy


@dataclass(frozen=True, slots=True)
class Parsed:
    policies: tuple[CostPolicy, ...]
    """Those without problems, in the order of the text."""
    problems: tuple[Problem, ...]
    cluster_policies: tuple[ClusterCostPolicy, ...] = ()


def parse_documents(text: str, source: str = "<policy>", kinds: Collection[str] = (KIND,)) -> Parsed:
    """Policies from YAML or JSON text: one document or several, also inside a Kubernetes `List`."""
    parts = [_read(document, source, kinds) for document in read_documents(text)]
    if not parts:
        return Parsed((), (Problem(source, None, "", None, f"holds no {' or '.join(kinds)}"),))
    return _joined(parts, source)


def parse_object(data: object, source: str = "<policy>", kinds: Collection[str] = (KIND,)) -> Parsed:
    """A policy from plain values, such as a Kubernetes client hands out; problems have no line."""
    return _joined([_read(Document(data, {}, {}), source, kinds)], source)


def _joined(parts: list[Parsed], source: str) -> Parsed:
    problems = [problem for part in parts for problem in part.problems]
    if len(problems) > MAX_PROBLEMS:
        rest = len(problems) - MAX_PROBLEMS
        problems[MAX_PROBLEMS:] = [Problem(source, None, "", None, f"and {rest} more problems")]
    return Parsed(
        tuple(policy for part in parts for policy in part.policies),
        tuple(problems),
        tuple(policy for part in parts for policy in part.cluster_policies),
    )


def _read(document: Document | Unreadable, source: str, kinds: Collection[str]) -> Parsed:
    if isinstance(document, Unreadable):
        return Parsed((), (Problem(source, document.line, "", None, document.message),))
    report = _Report(document, source)
    found = [report.problem(finding) for finding in document.findings]
    if found and document.data is None:
        return Parsed((), tuple(found))
    read = [(_policy(data, base, kinds), base) for base, data in _objects(document.data)]
    found += [report.problem(finding) for (_, findings), _ in read for finding in findings]
    # A key that is given twice leaves open which of the two was meant, so the policy around it is not taken.
    unclear = [finding.path for finding in document.findings]
    taken = [policy for (policy, _), base in read if not any(_overlap(base, path) for path in unclear)]
    return Parsed(
        tuple(policy for policy in taken if isinstance(policy, CostPolicy)),
        tuple(sorted(found, key=lambda problem: problem.line or 0)),
        tuple(policy for policy in taken if isinstance(policy, ClusterCostPolicy)),
    )


def _overlap(one: Path, other: Path) -> bool:
    """Whether one of two places lies in the other."""
    return all(left == right for left, right in zip(one, other, strict=False))


def _objects(data: object) -> Iterator[tuple[Path, object]]:
    if not isinstance(data, Mapping) or (data.get("apiVersion"), data.get("kind")) not in _LISTS:
        yield (), data
        return
    items = data.get("items")
    for at, item in enumerate(items if isinstance(items, list) else []):
        yield ("items", at), item


def _policy(data: object, base: Path, kinds: Collection[str]) -> tuple[AnyPolicy | None, list[Finding]]:
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if isinstance(kind, str) and kind not in kinds:
        # Another resource: measuring it field by field would only hide that.
        reason = "is read by the operator only" if kind in KINDS else "is not a kind that is read here"
        return None, [Finding((*base, "kind"), reason, kind, " or ".join(kinds))]
    is_cluster = kind == CLUSTER_KIND or KIND not in kinds
    model: type[AnyPolicy] = ClusterCostPolicy if is_cluster else CostPolicy
    between = cluster_findings(data) if is_cluster else findings(data)
    found = [replace(item, path=(*base, *item.path)) for item in between]
    try:
        policy = model.model_validate(data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        return None, [_finding(detail, base, model) for detail in errors] + found
    return (None, found) if found else (policy, [])


def _finding(error: ErrorDetails, base: Path, model: type[AnyPolicy]) -> Finding:
    """pydantic's error in the words of the reader's document."""
    loc = tuple(part for part in error["loc"] if part != "[key]")
    path, place, value, kind = (*base, *loc), generic(loc, model), error["input"], error["type"]
    doc = fields(model).get(place)
    allowed = doc.allowed if doc else None
    if kind == "missing":
        return Finding(path, "is required", None, allowed)
    if is_future_field(place):
        return Finding(path, "is not supported yet: leave it out", value)
    if is_future_value(place, value):
        return Finding(path, "is not supported yet", value, allowed)
    if kind in ("extra_forbidden", "invalid_key"):
        return Finding(path, _unknown(str(loc[-1]), siblings(place, model)), value)
    if kind in ("too_long", "too_short"):
        return Finding(path, f"has {'too many' if kind == 'too_long' else 'too few'} entries", value, allowed)
    return Finding(
        path, _wrong(error), value, allowed if "[key]" not in error["loc"] else fields()["metadata.name"].allowed
    )


def _unknown(name: str, beside: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name[:64], beside, n=1)
    return f"unknown field; did you mean {near[0]}?" if near else f"unknown field; there are {', '.join(beside)}"


def _wrong(error: ErrorDetails) -> str:
    kind, value = error["type"], error["input"]
    if value is None:
        return "is empty"
    if kind in ("model_type", "dict_type"):
        return "is not a mapping"
    if kind == "tuple_type":
        return "is not a list"
    if kind in ("string_type", "literal_error") and isinstance(value, bool | int | float):
        return "is not text"
    return "is not allowed"


@dataclass(frozen=True, slots=True)
class _Report:
    """Turns findings into problems of one document."""

    document: Document
    source: str

    def problem(self, finding: Finding) -> Problem:
        written = self.document.unquoted.get(finding.path)
        message = finding.message
        if written is not None and message == "is not text":
            kind = "a boolean" if isinstance(finding.value, bool) else "a number"
            message = f'YAML reads this as {kind}: write it in quotes, "{one_line(written)}"'
        value = written if written is not None else finding.value
        shown = one_line(written) if written is not None else (None if value is None else shorten(value))
        return Problem(
            source=self.source,
            line=self.document.line(finding.path),
            path=render_path(finding.path),
            value=shown,
            message=one_line(message, _SENTENCE),
            allowed=finding.allowed and one_line(finding.allowed, _SENTENCE),
        )

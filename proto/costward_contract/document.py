"""YAML text as plain values, each with the line it stands on.

PyYAML's own constructors lose the lines, let the last of two equal keys win and expand aliases without end. This
reader walks the node tree itself: equal keys, tags of its own and documents that expand too far are problems, never
exceptions. What YAML reads as a number or a boolean keeps the text that was written, so that a message can quote it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import yaml

from costward_contract.problem import Finding, Path, one_line

_TAG = "tag:yaml.org,2002:"
# Deeper than any Kubernetes object, and far from Python's own recursion limit.
_MAX_DEPTH = 64
# A few hundred policies with all that `kubectl get` prints; anchors that multiply themselves stop here.
_MAX_VALUES = 100_000


@dataclass(frozen=True, slots=True)
class Document:
    data: object
    """dict, list, str, int, float, bool or None, as from JSON."""
    lines: Mapping[Path, int]
    """1-based line of every value; of a mapping's value the line of its key."""
    unquoted: Mapping[Path, str]
    """How numbers and booleans were written."""
    findings: tuple[Finding, ...] = ()

    def line(self, path: Path) -> int | None:
        """The line of this value, or of the nearest one around it that exists."""
        around = (path[:length] for length in range(len(path), -1, -1))
        return next((self.lines[place] for place in around if place in self.lines), None)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Text that is not YAML."""

    message: str
    line: int | None


def read_documents(text: str) -> Iterator[Document | Unreadable]:
    """The documents of a YAML stream without the empty ones, up to the first that cannot be read. Never raises."""
    try:
        for node in yaml.compose_all(text, Loader=yaml.SafeLoader):
            if node is not None and not (isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}null"):
                yield _read(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = error.problem or error.context or "cannot be read"
        yield Unreadable(f"not valid YAML: {one_line(reason)}", mark.line + 1 if mark else None)
    except RecursionError:
        yield Unreadable("nested too deeply", None)
    except (yaml.YAMLError, ValueError, OverflowError):
        # The last two: PyYAML lets escapes beyond Unicode and endless version numbers through to Python.
        yield Unreadable("not valid YAML: it holds characters that YAML does not allow", None)


def _read(node: yaml.Node) -> Document:
    reader = _Reader()
    data = reader.value(node, ())
    if reader.values > _MAX_VALUES:
        return Document(None, {}, {}, (Finding((), f"expands to more than {_MAX_VALUES} values"),))
    return Document(data, reader.lines, reader.unquoted, tuple(reader.findings))


@dataclass(slots=True)
class _Reader:
    lines: dict[Path, int] = field(default_factory=dict)
    unquoted: dict[Path, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    values: int = 0

    def value(self, node: yaml.Node, path: Path) -> object:
        self.values += 1
        self.lines.setdefault(path, node.start_mark.line + 1)
        if self.values > _MAX_VALUES:
            return None
        if len(path) > _MAX_DEPTH:
            self._refuse(path, "nested too deeply, or an anchor that contains itself")
            return None
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.value(item, (*path, at)) for at, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self._refuse(path, "has a YAML tag that is not allowed here", node.tag)
        return None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            if key in result:
                self.lines[(*path, key)] = key_node.start_mark.line + 1
                self._refuse((*path, key), "is given twice")
                continue
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            result[key] = self.value(value_node, (*path, key))
        return result

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._refuse(path, "has a key that is not text")
            return None
        if node.tag == f"{_TAG}merge":
            self._refuse(
                (*path, "<<"), "merge keys are not supported: repeat the fields, or put `*name` in their place"
            )
            return None
        # As written: YAML would turn the keys `on` and `no` into booleans.
        return str(node.value)

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> object:
        kind = node.tag.removeprefix(_TAG)
        if kind in ("str", "timestamp", "value"):
            return node.value
        if kind == "null":
            return None
        if kind not in ("int", "float", "bool"):
            self._refuse(path, "has a YAML tag that is not allowed here", node.tag)
            return None
        self.unquoted[path] = node.value
        return _number(node, kind)

    def _refuse(self, path: Path, message: str, value: object = None) -> None:
        self.findings.append(Finding(path, message, value))


def _number(node: yaml.ScalarNode, kind: str) -> object:
    """Its value; the text itself where YAML's grammar and Python's disagree on what a number is."""
    constructor = yaml.constructor.SafeConstructor()
    construct = {
        "int": constructor.construct_yaml_int,
        "float": constructor.construct_yaml_float,
        "bool": constructor.construct_yaml_bool,
    }[kind]
    try:
        value: object = construct(node)
    except (ValueError, KeyError, OverflowError, IndexError):
        return node.value
    return value

"""A view into a document that may be wrong: asking for what is missing or of another type gives nothing.

With it the checks between fields run beside the checks of the fields themselves, so that one reading reports both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from costward_contract.problem import Finding, Path
from costward_contract.rules import RuleName


@dataclass(frozen=True, slots=True)
class Tree:
    value: object
    path: Path = ()

    def __getitem__(self, key: str) -> Tree:
        whole = self.value
        # `dict` first: to ask whether something is a Mapping takes longer than all the rest, a hundred times a policy.
        value = whole.get(key) if isinstance(whole, dict) or isinstance(whole, Mapping) else None  # noqa: SIM101
        return Tree(value, (*self.path, key))

    def __bool__(self) -> bool:
        """Whether something is there."""
        return self.value is not None

    @property
    def text(self) -> str | None:
        return self.value if isinstance(self.value, str) else None

    @property
    def number(self) -> int | None:
        return self.value if isinstance(self.value, int) and not isinstance(self.value, bool) else None

    def items(self) -> Iterator[Tree]:
        """Of a list, in order."""
        if isinstance(self.value, list | tuple):
            for at, item in enumerate(self.value):
                yield Tree(item, (*self.path, at))

    def entries(self) -> Iterator[Tree]:
        """The values of a mapping, in order."""
        if isinstance(self.value, Mapping):
            for key in self.value:
                if isinstance(key, str):
                    yield self[key]

    def texts(self, key: str) -> list[str]:
        """What the items of this list say under `key`, leaving out those that say nothing."""
        return [text for item in self.items() if (text := item[key].text) is not None]

    def finding(self, rule: RuleName, message: str, allowed: str | None = None) -> Finding:
        return Finding(self.path, message, self.value, allowed, rule)

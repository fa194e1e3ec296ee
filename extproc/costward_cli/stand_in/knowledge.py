"""What the stand-in knows: which questions mean the same, and the right answer to each meaning."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import yaml

from costward_cli.problems import CliError

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NOT_WORD = re.compile(r"[^\w#]+")


@dataclass(frozen=True, slots=True)
class Meaning:
    """A class of questions that share one right answer."""

    name: str
    answer: str
    """`{0}`, `{1}`: the numbers of the question, in order."""
    wordings: tuple[str, ...] = ()
    tool: bool = False
    """Answered by a tool call where the request offers tools."""


@dataclass(frozen=True, slots=True)
class Understood:
    """A question, as far as the stand-in knows it."""

    meaning: Meaning | None
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Knowledge:
    meanings: tuple[Meaning, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    """Exact text to class name, for replays of labelled data; wins over the wordings."""
    _by_wording: dict[str, Meaning] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        index = {wording_key(wording): meaning for meaning in self.meanings for wording in meaning.wordings}
        object.__setattr__(self, "_by_wording", index)

    def understand(self, text: str) -> Understood:
        numbers = tuple(_NUMBER.findall(text))
        label = self.labels.get(text)
        if label is not None:
            return Understood(Meaning(label, f"This is the answer to every question about {label}."), numbers)
        return Understood(self._by_wording.get(wording_key(text)), numbers)


def wording_key(text: str) -> str:
    """What two spellings of one wording share: no case, no punctuation, any number as `#`."""
    return " ".join(_NOT_WORD.sub(" ", _NUMBER.sub("#", text).casefold().replace("'", "")).split())


def everyday() -> tuple[Meaning, ...]:
    """The built-in table."""
    table = yaml.safe_load((files(__package__) / "everyday.yaml").read_text(encoding="utf-8"))
    return tuple(
        Meaning(name, row["answer"], wordings=tuple(row["wordings"]), tool=row.get("tool", False))
        for name, row in table.items()
    )


def read_labels(path: Path) -> dict[str, str]:
    """Text to class from JSON lines with `text` and `label` (or `intent`), plain or gzipped. Raises CliError."""
    labels: dict[str, str] = {}
    try:
        lines = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise CliError(f"{path} cannot be read: {error}", mend="check --labels") from error
    for number, line in enumerate(lines.splitlines(), start=1):
        try:
            row = json.loads(line)
            labels[str(row["text"])] = str(row["label"] if "label" in row else row["intent"])
        except (ValueError, KeyError, TypeError) as error:
            mend = 'each line must be like {"text": "...", "label": "..."}'
            raise CliError(f"{path} line {number} is no labelled text", mend=mend) from error
    return labels

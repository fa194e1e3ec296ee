"""Which endpoint of a provider a request means, and which dialect it speaks, by method and path.

A path is compared by what a provider may take it for, not by its bytes: letter case, percent-encoding, doubled and
closing slashes, dot segments and `;parameters` make no difference. Whatever stands before a known path (`/v1`,
`/openai/v1`, a gateway's own prefix) makes none either: governing a path that the provider answers with 404 harms
nobody, missing one is a way around the caps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal
from urllib.parse import unquote

from costward_extproc.dialects.anthropic_messages import AnthropicMessages
from costward_extproc.dialects.base import Dialect
from costward_extproc.dialects.openai_chat import OpenAIChat
from costward_extproc.dialects.openai_embeddings import OpenAIEmbeddings
from costward_extproc.dialects.openai_responses import OpenAIResponses

Family = Literal["openai", "anthropic"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a request is for."""

    kind: str
    """A word of a closed set, for records and metrics: never a caller's text."""
    dialect: Dialect | None = None
    """None: no codec reads it, so it cannot be priced."""
    model: str | None = None
    """Where the path names it, as Azure's deployments do."""
    free: bool = False
    """Providers charge nothing for it."""
    family: Family = "openai"
    """Whose errors its clients read."""


_CHAT = OpenAIChat()
_EMBEDDINGS = OpenAIEmbeddings()
_MESSAGES = AnthropicMessages()
_RESPONSES = OpenAIResponses()

GOVERNED: Mapping[str, Endpoint] = {
    "chat/completions": Endpoint("chat", _CHAT),
    "deployments/{model}/chat/completions": Endpoint("chat", _CHAT),
    "engines/{model}/chat/completions": Endpoint("chat", _CHAT),
    "responses": Endpoint("responses", _RESPONSES),
    "deployments/{model}/responses": Endpoint("responses", _RESPONSES),
    "embeddings": Endpoint("embeddings", _EMBEDDINGS),
    "deployments/{model}/embeddings": Endpoint("embeddings", _EMBEDDINGS),
    "engines/{model}/embeddings": Endpoint("embeddings", _EMBEDDINGS),
    "messages": Endpoint("messages", _MESSAGES, family="anthropic"),
    # Longer than the paths above that they end with, which are something else.
    "threads/*/messages": Endpoint("threads"),
}
"""POST paths that a codec reads. `*` is any one segment."""

UNGOVERNED: Mapping[str, Endpoint] = {
    "assistants/**": Endpoint("assistants"),
    "audio/**": Endpoint("audio"),
    "batches/**": Endpoint("batches"),
    "complete": Endpoint("completions", family="anthropic"),
    "completions": Endpoint("completions"),
    "containers/**": Endpoint("containers"),
    "conversations/**": Endpoint("conversations", free=True),
    "embeddings/**": Endpoint("embeddings"),
    "evals/**": Endpoint("evals"),
    "files/**": Endpoint("files"),
    "fine_tuning/**": Endpoint("fine-tuning"),
    "images/**": Endpoint("images"),
    "messages/batches/**": Endpoint("batches", family="anthropic"),
    "messages/count_tokens": Endpoint("count-tokens", free=True, family="anthropic"),
    "messages/**": Endpoint("messages", family="anthropic"),
    "models": Endpoint("models"),
    "models/{model}": Endpoint("models"),
    "moderations/**": Endpoint("moderations"),
    "realtime/**": Endpoint("realtime"),
    "rerank": Endpoint("rerank"),
    "responses/input_tokens": Endpoint("count-tokens", free=True),
    "responses/*/cancel": Endpoint("responses", free=True),
    "responses/**": Endpoint("responses"),
    "chat/completions/**": Endpoint("chat"),
    "threads/**": Endpoint("threads"),
    "uploads/**": Endpoint("files"),
    "vector_stores/**": Endpoint("vector-stores"),
    "videos/**": Endpoint("videos"),
}
"""What is recognised without being read. `**` is any number of segments, none included."""

UNKNOWN = Endpoint("unknown")

_FREE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
"""Reading and deleting what is there makes no model work."""

_LONGEST_KEPT = 256
"""Characters of a path whose meaning is remembered: real ones are shorter, and a caller must not fill our memory."""

_DECODINGS = 3
"""A proxy and the server behind it may each decode once; one more than any chain that was seen."""


def endpoint_of(method: str, path: str) -> Endpoint | None:
    """None: it reads or deletes something that is not known here, so it costs nothing and is nobody's business."""
    return _remembered(method, path) if len(path) <= _LONGEST_KEPT else _endpoint(method, path)


def _endpoint(method: str, path: str) -> Endpoint | None:
    segments = segments_of(path)
    free = method.upper() in _FREE_METHODS
    if method.upper() == "POST" and (found := _longest(_GOVERNED, segments)) is not None:
        return found
    if (found := _longest(_GOVERNED, segments) or _longest(_UNGOVERNED, segments)) is not None:
        return replace(found, dialect=None, free=free or found.free)
    return None if free else UNKNOWN


_remembered = lru_cache(maxsize=512)(_endpoint)
"""The same few paths come with every request."""


def speaker(family: Family) -> Dialect:
    """Whoever writes errors as this family's clients read them."""
    return _MESSAGES if family == "anthropic" else _CHAT


def segments_of(path: str) -> tuple[str, ...]:
    """The path's segments as the most tolerant server would read them, letter case kept."""
    path = path.partition("?")[0].partition("#")[0]
    for _ in range(_DECODINGS):
        path = unquote(path, encoding="latin-1")
    kept: list[str] = []
    for segment in path.replace("\\", "/").partition("?")[0].partition("#")[0].split("/"):
        bare = segment.partition(";")[0].strip("\0 \t\r\n")
        if bare == "..":
            del kept[-1:]
        elif bare not in ("", "."):
            kept.append(bare)
    return tuple(kept)


@dataclass(frozen=True, slots=True)
class _Row:
    pattern: tuple[str, ...]
    endpoint: Endpoint

    def match(self, segments: Sequence[str], start: int) -> Endpoint | None:
        """`start`: of the segments that are looked at; the rest is not copied, because callers choose its length."""
        open_ended = self.pattern[-1] == "**"
        fixed = self.pattern[:-1] if open_ended else self.pattern
        length = len(segments) - start
        if length < len(fixed) or (length > len(fixed) and not open_ended):
            return None
        model = None
        for at, wanted in enumerate(fixed, start):
            given = segments[at]
            if wanted == "{model}":
                model = given
            elif wanted not in ("*", given.lower()):
                return None
        return self.endpoint if model is None else replace(self.endpoint, model=model)


_Table = Mapping[str, tuple[_Row, ...]]


def _table(rows: Mapping[str, Endpoint]) -> _Table:
    """By first segment, each in the order given."""
    table: dict[str, list[_Row]] = {}
    for pattern, endpoint in rows.items():
        parts = tuple(pattern.split("/"))
        table.setdefault(parts[0], []).append(_Row(parts, endpoint))
    return {first: tuple(found) for first, found in table.items()}


_GOVERNED = _table(GOVERNED)
_UNGOVERNED = _table(UNGOVERNED)


def _longest(table: _Table, segments: Sequence[str]) -> Endpoint | None:
    """The row that matches most of the path's end: what stands before it is a prefix."""
    for start, segment in enumerate(segments):
        for row in table.get(segment.lower(), ()):
            if (found := row.match(segments, start)) is not None:
                return found
    return None

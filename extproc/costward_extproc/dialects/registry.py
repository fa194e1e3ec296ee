"""Which dialect a request speaks, by method and path."""

from __future__ import annotations

from collections.abc import Mapping

from costward_extproc.dialects.base import Dialect
from costward_extproc.dialects.openai_chat import OpenAIChat

_BY_PATH: Mapping[str, Dialect] = {"/v1/chat/completions": OpenAIChat()}


def dialect_of(method: str, path: str) -> Dialect | None:
    """None: not an LLM call that is governed; it passes untouched."""
    if method != "POST":
        return None
    # `/completions;x` is the same resource to many servers: it must not be a way around the caps.
    return _BY_PATH.get(path.partition("?")[0].partition(";")[0].rstrip("/"))

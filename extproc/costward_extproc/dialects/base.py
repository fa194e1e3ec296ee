"""What every dialect gives: reading a request and an answer, rewriting the least, and speaking as the provider would.

One module per dialect implements `Dialect`; the exchange knows only this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from costward_extproc.core.money import Usage


@dataclass(frozen=True)
class Asked:
    """A request as read: the parts that decisions rest on. `document` is the parsed body, never changed."""

    body: bytes
    document: Mapping[str, Any]
    model: str
    stream: bool
    include_usage: bool
    """A stream tells its usage without our asking: the client asked itself, or the dialect always says it."""
    last_user_text: str | None
    """The only part that may match by meaning; None where the request does not end in plain user text."""
    agent_turn: bool
    """Tools are offered, or tool calls or results are in the history: the exact tier at most."""
    max_output: int | None
    """Tokens that the answer may have at most; 0: it holds none."""
    choices: int
    messages: int
    tools: int
    flat_tokens: int
    """Input tokens that no text shows: message framing and images."""
    uncacheable: str | None
    """Why no tier may serve this; None where one may."""
    pinned: str | None = None
    """Why no other model may be put in (signed thinking in the history, a model named by the path); None where one
    may."""
    user: str | None = None
    """Whom the body names as the caller's own user; as trustworthy as the caller."""
    session: str | None = None
    """The conversation that the body names."""
    keeps_prompt: Literal["minutes", "hour"] | None = None
    """How long the provider is asked to keep the prompt, which then costs more where it is written; None: it is not
    asked, or does not charge for it."""
    service_tier: str = ""
    """How fast the provider is asked to serve, at a price of its own; empty: as usual."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer as read once it is over, whole or cut short."""

    usage: Usage | None = None
    """None: the provider did not say."""
    model: str | None = None
    complete: bool = False
    """The dialect's own end was seen."""
    text_seen: str = ""
    """What the caller got, for an estimate where `usage` is None. Never logged."""
    storable: bytes | None = None
    """The whole answer as the dialect's non-stream JSON; None where it must not be stored."""
    output_final: bool = True
    """False: `usage` has the input, but its output is not the last word: what came is estimated from `text_seen`."""
    failed: bool = False
    """An error came in place of the answer or in its middle."""
    pending: bool = False
    """The provider goes on in the background: what it will use is not told here, so the worst case is charged."""
    service_tier: str | None = None
    """How fast the provider says that it served; None: it does not say."""


@dataclass(frozen=True, slots=True)
class Rendered:
    content_type: str
    body: bytes


class Dialect(Protocol):
    @property
    def name(self) -> str: ...

    def read_request(self, body: bytes, model: str | None = None) -> Asked:
        """`model`: where the path names it, as Azure's deployments do. Raises strict_json.Unreadable."""
        ...

    def prompt_text(self, asked: Asked) -> str:
        """All text that the provider will count as input, for token counting."""
        ...

    def context(self, asked: Asked) -> bytes:
        """Canonical bytes of everything that must match exactly: the request without its last user text and without
        what cannot change the answer."""
        ...

    def opening(self, asked: Asked) -> bytes:
        """Canonical bytes of how the conversation began: the same for all its turns."""
        ...

    def rewrite(self, asked: Asked, model: str | None, ask_usage: bool) -> bytes:
        """The body with another model and, for a stream, a wish for usage; every other byte as it was."""
        ...

    def take_out_usage(self, held: bytes, chunk: bytes, end: bool) -> tuple[bytes, bytes]:
        """(what flows on, what is held back) of a stream whose usage chunk only we asked for. Only an incomplete
        event that may be that chunk is held."""
        ...

    def read_answer(self, body: bytes, streamed: bool, asked: Asked | None) -> Reading:
        """An answer, whole or cut at any byte. Never raises."""
        ...

    def render_answer(self, answer: bytes, asked: Asked, id: str, created: int) -> Rendered:
        """A stored answer as this caller asked for it: JSON or a stream."""
        ...

    def render_text(self, text: str, asked: Asked, id: str, created: int) -> Rendered | None:
        """Our own words as an answer of the model; None where its answers hold no words."""
        ...

    def render_error(self, message: str, type: str, code: str, details: Mapping[str, object], id: str = "") -> Rendered:
        """Our refusal as the provider's own error; `type` and `code` are OpenAI's words, which a codec translates. `id`
        is the exchange's, for dialects whose errors name one."""
        ...


class TellsUsage:
    """For dialects whose streams tell their usage anyway: no chunk of them is ours."""

    def take_out_usage(self, held: bytes, chunk: bytes, end: bool) -> tuple[bytes, bytes]:
        return held + chunk, b""

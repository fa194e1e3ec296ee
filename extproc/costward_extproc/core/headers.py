"""What is read of a request's headers apart from who sent them, and which of them end at this hop."""

from __future__ import annotations

from costward_extproc.core.events import Headers

_CONTROL_PREFIX = "x-costward-"


def encoding_of(headers: Headers) -> str:
    """The name of the body's compression, as it is compared; empty or `identity` where it has none."""
    return headers.get("content-encoding", "").strip().lower()


def unencoded(headers: Headers) -> tuple[str, ...]:
    """What is no longer true of a body that was inflated, changed, and goes on plain."""
    return ("content-encoding",) if "content-encoding" in headers else ()


def hop_headers(headers: Headers) -> tuple[str, ...]:
    """What the provider must not see: our request controls, once read, and a wish for compressed answers, which would
    hide their usage from us (ext_proc sees the compressed bytes)."""
    ours = tuple(name for name in headers if name.startswith(_CONTROL_PREFIX))
    return (*ours, "accept-encoding") if "accept-encoding" in headers else ours

"""Which request headers end at this hop."""

from __future__ import annotations

from costward_extproc.core.events import Headers

_CONTROL_PREFIX = "x-costward-"


def hop_headers(headers: Headers) -> tuple[str, ...]:
    """What the provider must not see: our request controls, once read, and a wish for compressed answers, which would
    hide their usage from us (ext_proc sees the compressed bytes)."""
    ours = tuple(name for name in headers if name.startswith(_CONTROL_PREFIX))
    return (*ours, "accept-encoding") if "accept-encoding" in headers else ours

"""Faults that a provider can have, switched on by the control endpoint and spread evenly instead of by chance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from costward_cli.stand_in.chat import ApiError


@dataclass(frozen=True, slots=True)
class Faults:
    status: int | None = None
    """Answer this status instead, in OpenAI's error shape."""
    rate: float = 1.0
    """Share of requests that `status` hits: with 0.25 every fourth, so that a test's counts are exact."""
    retry_after: int | None = None
    """Seconds, sent with `status`."""
    delay_ms: float = 0.0
    """Before the first byte of any answer."""
    cut_after_chunks: int | None = None
    """End the connection inside a stream after so many events."""
    gzip: bool = False
    """Compress answers although nobody asked."""
    reset_rate: float = 0.0
    """Share of connections that are reset before any answer."""
    garbage: bool = False
    """Answer 200 with a body that is not JSON."""
    models: tuple[str, ...] = ()
    """Only requests for these models; empty: all."""


_FIELDS: Mapping[str, tuple[str, type | tuple[type, ...]]] = {
    "status": ("status", int),
    "rate": ("rate", (int, float)),
    "retryAfter": ("retry_after", int),
    "delayMs": ("delay_ms", (int, float)),
    "cutAfterChunks": ("cut_after_chunks", int),
    "gzip": ("gzip", bool),
    "resetRate": ("reset_rate", (int, float)),
    "garbage": ("garbage", bool),
    "models": ("models", list),
}


def parse_faults(value: object) -> Faults:
    """From the control endpoint's JSON; `{}` switches all off. Raises ApiError that names what is wrong."""
    if not isinstance(value, dict):
        raise ApiError(400, f"Send a JSON object with any of: {', '.join(_FIELDS)}.")
    given: dict[str, Any] = {}
    for key, content in value.items():
        if key not in _FIELDS:
            raise ApiError(
                400, f"Unknown fault {str(key)[:40]!r}; known are: {', '.join(_FIELDS)}.", param=str(key)[:40]
            )
        name, kind = _FIELDS[key]
        if content is not None and not _fits(content, kind):
            raise ApiError(400, f"The fault '{key}' has a value of the wrong type or below zero.", param=key)
        if content is not None:
            given[name] = tuple(str(item) for item in content) if isinstance(content, list) else content
    faults = Faults(**given)
    if faults.status is not None and not 400 <= faults.status <= 599:
        raise ApiError(400, "The fault 'status' must be from 400 to 599.", param="status")
    if faults.rate > 1 or faults.reset_rate > 1:
        raise ApiError(400, "The faults 'rate' and 'resetRate' are shares from 0 to 1.")
    return faults


def _fits(content: object, kind: type | tuple[type, ...]) -> bool:
    if isinstance(content, bool):
        return kind is bool
    return isinstance(content, kind) and not (isinstance(content, int | float) and content < 0)


@dataclass(slots=True)
class Injector:
    """Remembers how many requests each fault has met, so that a rate of 0.25 hits every fourth."""

    faults: Faults = field(default_factory=Faults)
    _met: dict[str, int] = field(default_factory=dict)

    def set(self, faults: Faults) -> None:
        self.faults, self._met = faults, {}

    def for_model(self, model: str | None) -> Faults:
        """The faults that this one request suffers: `status` set and `reset_rate` 1.0 where its turn has come."""
        every = self.faults
        if every.models and model not in every.models:
            return Faults()
        return Faults(
            status=every.status if self._turn("status", every.rate) else None,
            retry_after=every.retry_after,
            delay_ms=every.delay_ms,
            cut_after_chunks=every.cut_after_chunks,
            gzip=every.gzip,
            reset_rate=1.0 if self._turn("reset", every.reset_rate) else 0.0,
            garbage=every.garbage,
        )

    def _turn(self, name: str, rate: float) -> bool:
        met = self._met[name] = self._met.get(name, 0) + 1
        return math.floor(met * rate) > math.floor((met - 1) * rate)


_KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


def fault_error(status: int) -> ApiError:
    """An error as OpenAI words it for this status."""
    kind = _KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return ApiError(status, f"The stand-in was told to answer {status}.", kind=kind, code=_CODES.get(status))

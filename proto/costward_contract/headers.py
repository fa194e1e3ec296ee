"""The names of our own HTTP headers, so that the data plane, the wiring and the documentation mean the same ones."""

from __future__ import annotations

REQUEST_HEADERS = (
    "x-costward-task",
    "x-costward-task-type",
    "x-costward-outcome",
    "x-costward-tag",
    "x-costward-route",
)
"""What an application may tell us. They never reach the provider."""

RESPONSE_HEADERS = (
    "x-costward-decision",
    "x-costward-policy",
    "x-costward-model",
    "x-costward-reason",
    "x-costward-cap",
    "x-costward-request-id",
    "x-costward-cost-usd",
    "x-costward-saved-usd",
)
"""What we tell the application. A copy that a provider sends is removed: only ours is true."""

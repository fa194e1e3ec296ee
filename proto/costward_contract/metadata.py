"""Names of what the data plane and Envoy tell each other about one exchange beside its headers.

Dynamic metadata of Envoy: it never leaves the proxy, and neither callers nor providers can write it.
"""

from __future__ import annotations

TICKET = "costward.ticket"
"""Written by the data plane in its reply to the request's body: what a second attempt needs."""

FAILED = "costward.failed"
"""Written by Envoy on each attempt that was answered with a status of 400 or above."""

STATUS = "status"
"""In FAILED: the last such status, as text."""

SECOND = "costward.second"
"""Written by the data plane on a second attempt: what became of it, for the record of the exchange."""

TEXT = "json"
"""In TICKET and SECOND: the content as JSON text."""

ATTEMPTS = "upstream.request_attempt_count"
"""Envoy's attribute: how often it sent this request upstream."""

WIRING_VERSION = "v1"
"""Changes when the data plane has to treat an exchange differently because of the wiring."""

WIRING = "x-costward-wiring"
"""Call metadata: the version of the wiring that the proxy runs."""

WIRING_HASH = "x-costward-wiring-hash"
"""Call metadata: hash of the whole wiring, which tells one from another of the same version."""

CAPABILITIES = "x-costward-capabilities"
"""Call metadata: what this wiring can do, with commas between."""

RETRY = "retry"
"""A capability: this wiring has the chain for second attempts; without it Envoy drops our wish for one."""

SIDE = "x-costward-side"
"""Call metadata that tells the data plane a second attempt (`upstream`) from an exchange (absent)."""

"""Keyed digests: the names under which the cache and the ledger keep things, without clear text in any of them."""

from __future__ import annotations

import hashlib

from costward_contract.snapshot import Policy, Scope

_BYTES = 16
"""128 bits: no collision to be found by search, short enough for keys and records."""


def digest(key: bytes, kind: str, *parts: str | bytes) -> str:
    """Keyed BLAKE2b (RFC 7693, §2.9: a MAC without HMAC's double hashing, a third of its time for these short inputs)
    over the parts, each with its length, so that no two lists of parts meet; 32 hex digits. `key`: up to 64 bytes."""
    message = bytearray(kind.encode())
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        message += b"\0%d\0" % len(raw)
        message += raw
    return hashlib.blake2b(message, key=key, digest_size=_BYTES).hexdigest()


def scope_subject(scope: Scope, *, user: str | None, tenant: str, workload: str, policy: str) -> str | None:
    """Whose entries these are; None where the scope asks for a user and no trusted one is known: no cache then."""
    match scope:
        case "User":
            return f"user:{tenant}:{user}" if user else None
        case "Tenant":
            return f"tenant:{tenant}"
        case "Workload":
            return f"workload:{workload}"
        case "Policy":
            return f"policy:{policy}"


def partition(
    key: bytes,
    policy: Policy,
    subject: str,
    credential: str,
    upstream: str,
    dialect: str,
    embedder: str,
    locale: str,
    context: bytes,
) -> str:
    """Where an answer may be looked for: everything that must match exactly before the last user text may match."""
    return digest(
        key,
        "partition",
        policy.ref,
        policy.cache_epoch,
        subject,
        credential,
        upstream,
        dialect,
        embedder,
        locale,
        context,
    )

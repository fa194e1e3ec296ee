"""Who is calling: the workload by position, the rest from headers that only trusted workloads may set."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from costward_contract.snapshot import HeaderSource, Policy, Snapshot, Tier

from costward_extproc.core.fingerprint import digest

if TYPE_CHECKING:
    # Settings name a workload, and a supervisor reads settings: events would bring numpy, which is most of its memory.
    from costward_extproc.core.events import Headers


@dataclass(frozen=True, slots=True)
class Workload:
    """The calling app, as its position in the mesh proves it."""

    cluster: str
    namespace: str
    service_account: str

    def __str__(self) -> str:
        return f"{self.cluster}/{self.namespace}/{self.service_account}"


@dataclass(frozen=True)
class Caller:
    """On whose behalf one exchange runs. `user` and `session` are keyed digests, never clear text."""

    workload: Workload
    tenant: str
    tier: Tier
    user: str | None = None
    session: str | None = None
    credential: str = ""
    """Digest of what the caller authenticates with upstream: a hit never crosses it."""


_CREDENTIAL = re.compile(
    r"authorization|cookie|credential|secret|signature|token|key$|^openai-|^anthropic-.*-id$"
    r"|-(account|tenant|org|organization|project|workspace)(-id)?$|user-project$|^(x-portkey|helicone|x-litellm|cf-aig)-"
)
"""Names of headers by which a provider or a gateway before it may decide who is asking, or for which account. We
cannot know at which it looks: all count, and a name too many only costs a hit."""


_LONGEST_KEPT = 256
"""Characters of a header's name that is remembered: real ones are shorter, and a caller must not fill our memory. A
longer one counts as a credential."""


def governing(snapshot: Snapshot, workload: Workload) -> Policy | None:
    """The first policy, in the snapshot's order of precedence, that selects this workload."""
    for policy in snapshot.policies:
        if policy.namespace == workload.namespace and (
            not policy.service_accounts or workload.service_account in policy.service_accounts
        ):
            return policy
    return None


def identify(headers: Headers, workload: Workload, policy: Policy, key: bytes) -> Caller:
    """Who this exchange is for. A header from a workload that the policy does not trust counts as absent."""
    identity = policy.identity
    user = _believed(headers, identity.user, workload)
    session = next((headers[name] for name in identity.session_headers if headers.get(name)), None)
    return Caller(
        workload=workload,
        tenant=workload.namespace,
        tier=_tier(policy, _believed(headers, identity.tier, workload)),
        user=digest(key, "user", user) if user else None,
        session=digest(key, "session", session) if session else None,
        credential=_credential(headers, key),
    )


def _credential(headers: Headers, key: bytes) -> str:
    named = sorted(name for name in headers if len(name) > _LONGEST_KEPT or _is_credential(name))
    return digest(key, "credential", *(part for name in named for part in (name, headers[name])))


@lru_cache(maxsize=1_024)
def _is_credential(name: str) -> bool:
    """Remembered: the names recur with every request."""
    return _CREDENTIAL.search(name) is not None and not name.startswith("x-costward-")


def _believed(headers: Headers, source: HeaderSource | None, workload: Workload) -> str | None:
    if source is None or workload.service_account not in source.trusted_from:
        return None
    return headers.get(source.header) or None


def _tier(policy: Policy, name: str | None) -> Tier:
    default = policy.identity.tier.default if policy.identity.tier else None
    for candidate in (name, default):
        for tier in policy.tiers:
            if tier.name == candidate:
                return tier
    return policy.tiers[0]

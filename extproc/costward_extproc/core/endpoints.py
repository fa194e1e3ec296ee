"""What is done with endpoints that no codec reads: counted, and passed or refused as the policy says.

They are seen by their headers alone. What providers give for nothing always passes, also where unpriced traffic is
refused: counting tokens, listing models, reading and deleting what is there.
"""

from __future__ import annotations

from costward_contract.snapshot import Policy

from costward_extproc.core import model_list, notices
from costward_extproc.core.case import Case, Frame
from costward_extproc.core.events import Answer, GoUpstream, Headers, LetGo, RequestHeaders, Write
from costward_extproc.core.headers import hop_headers
from costward_extproc.core.identity import identify
from costward_extproc.core.record import UNPRICED
from costward_extproc.core.recording import record_of
from costward_extproc.core.states import Answered, Arriving, Finished, Listing, Step
from costward_extproc.dialects.registry import Endpoint, speaker

_WEBSOCKET = "websocket"
_FORBIDDEN = 403
_UPGRADE_REQUIRED = 426
"""What clients that try a WebSocket first, as coding agents do, take for `use plain HTTP`."""


def is_upgrade(headers: Headers) -> bool:
    """Whether a WebSocket is asked for, by HTTP/1.1's header or by HTTP/2's extended CONNECT."""
    asked = headers.get("upgrade") or headers.get(":protocol")
    return asked is not None and asked.strip().lower() == _WEBSOCKET


def ungoverned(state: Arriving, policy: Policy, endpoint: Endpoint | None, event: RequestHeaders) -> Step:
    """`endpoint` None: an upgrade on a path that is not known."""
    if is_upgrade(event.headers):
        # Whatever the path: what is said on a WebSocket cannot be read here.
        known = endpoint or Endpoint(_WEBSOCKET)
        endpoint = Endpoint(_WEBSOCKET, family=known.family)
    if endpoint is None:
        return Finished(), (LetGo(),)
    case = _case(state, policy, endpoint, event)
    if not endpoint.free:
        return _refused(case, policy) if policy.unpriced == "Refuse" else _passed(case, UNPRICED)
    if endpoint.kind == "models" and policy.aliases and event.headers.get(":method") == "GET":
        return _models(case, policy, endpoint)
    return _passed(case, "free-endpoint")


def _case(state: Arriving, policy: Policy, endpoint: Endpoint, event: RequestHeaders) -> Case:
    headers, means = event.headers, state.means
    caller = identify(headers, state.workload, policy, means.digest_key)
    family = "anthropic" if "anthropic-version" in headers else endpoint.family
    errors = speaker(family)
    frame = Frame(state.id, event.at, state.snapshot, policy, caller, errors, headers, means, endpoint)
    return Case(frame, decided_at=event.at)


def _passed(case: Case, reason: str) -> Step:
    at = case.frame.at
    return Finished(), (LetGo(), Write(record_of(case.but(reason=reason), at, end="complete")))


def _refused(case: Case, policy: Policy) -> Step:
    case = case.but(decision="refuse", reason=UNPRICED)
    kind = case.frame.endpoint.kind
    status = _UPGRADE_REQUIRED if kind == _WEBSOCKET else _FORBIDDEN
    details = {"policy": policy.ref, "owner": policy.owner.team, "contact": policy.owner.contact, "endpoint": kind}
    rendered = case.frame.dialect.render_error(
        _words(policy, kind), "permission_error", "unpriced_endpoint", details, case.frame.id
    )
    headers = (
        ("content-type", rendered.content_type),
        ("x-should-retry", "false"),
        *notices.common(case, None),
    )
    return Answered(case, status), (Answer(status, headers, rendered.body, case.reason),)


def _words(policy: Policy, kind: str) -> str:
    contact = f" ({policy.owner.contact})" if policy.owner.contact else ""
    what = "WebSockets" if kind == _WEBSOCKET else f"this endpoint ({kind})"
    mend = (
        "Use plain HTTP requests" if kind == _WEBSOCKET else "Use chat completions, responses, messages or embeddings"
    )
    return (
        f"Costward cannot price {what}, and the policy {policy.ref} refuses what cannot be priced. {mend}, or ask "
        f"{policy.owner.team}{contact} to set `unpriced: Pass`."
    )


def _models(case: Case, policy: Policy, endpoint: Endpoint) -> Step:
    """A policy's aliases are models to its callers: SDKs and user interfaces list them and look them up."""
    headers = case.frame.headers
    anthropic = "anthropic-version" in headers
    if endpoint.model is None:
        if model_list.is_later_page(headers.get(":path", "")):
            return _passed(case, "free-endpoint")
        entries = model_list.entries([alias.name for alias in policy.aliases], policy.owner.team, anthropic)
        return Listing(case.but(reason="free-endpoint"), entries), (
            GoUpstream(to="headers", remove=hop_headers(headers)),
        )
    if endpoint.model not in [alias.name for alias in policy.aliases]:
        return _passed(case, "free-endpoint")
    case = case.but(reason="listed-alias")
    body = model_list.entries([endpoint.model], policy.owner.team, anthropic)
    ours = (("content-type", "application/json"), *notices.common(case, None))
    return Answered(case, 200), (Answer(200, ours, body, case.reason),)

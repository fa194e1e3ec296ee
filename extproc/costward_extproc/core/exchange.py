"""The exchange as a sans-IO machine: `(state, event) -> (state, effects)`.

The way of one request, in order: `_on_headers` (is it ours, who is it; what no codec reads goes to `endpoints`),
`request.consult` (read the body once, ask where the caps stand and whether the answer is known), `request.resume`
(hit, refuse, or reserve and go upstream), `response` (the answer flows past), `settling.close` (account for it once).

Every message of Envoy gets exactly one reply, whatever state it finds us in; any chunking of the same bytes leads to
the same decisions.
"""

from __future__ import annotations

from dataclasses import replace

from costward_contract.snapshot import Snapshot

from costward_extproc.core import broken, endpoints, model_list, overload, request, response, second_attempt, settling
from costward_extproc.core.case import Frame
from costward_extproc.core.events import (
    Broken,
    Closed,
    Done,
    Event,
    GoUpstream,
    Headers,
    LetGo,
    PassChunk,
    PassHeaders,
    ReadOn,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
)
from costward_extproc.core.headers import hop_headers
from costward_extproc.core.identity import Workload, governing, identify
from costward_extproc.core.means import Means
from costward_extproc.core.relief import Relief
from costward_extproc.core.states import (
    Arriving,
    Finished,
    Listing,
    Raising,
    Receiving,
    Responding,
    Retrying,
    State,
    Step,
    Upstream,
)
from costward_extproc.dialects.registry import endpoint_of


def begin(id: str, snapshot: Snapshot, workload: Workload, means: Means, relief: Relief = Relief.NONE) -> State:
    """A new exchange. `id` is ours and unique: the ledger is idempotent by it, so a client must not choose it.
    `relief`: what there is no time for."""
    return Arriving(id, snapshot, workload, means, relief)


def step(state: State, event: Event) -> Step:
    """Pure. An event that the state does not expect is answered neutrally and changes nothing."""
    match event:
        case RequestHeaders():
            return _on_headers(state, event)
        case RequestBody():
            return _on_body(state, event)
        case Done():
            return second_attempt.resume(state, event) if isinstance(state, Raising) else request.resume(state, event)
        case ResponseHeaders():
            return _on_response_headers(state, event)
        case ResponseBody():
            return _on_response_body(state, event)
        case Closed():
            return settling.close(state, event.at)
        case Broken():
            return broken.answer(state, event.event)


def _on_headers(state: State, event: RequestHeaders) -> Step:
    if not isinstance(state, Arriving):
        return state, (LetGo(),)
    if event.ticket:
        return second_attempt.on_headers(state, event)
    headers = event.headers
    endpoint = endpoint_of(headers.get(":method", ""), headers.get(":path", ""))
    policy = governing(state.snapshot, state.workload)
    if policy is None:
        return Finished(), (LetGo(),)
    if endpoint is None or endpoint.dialect is None or endpoints.is_upgrade(headers):
        return endpoints.ungoverned(state, policy, endpoint, event)
    caller = identify(headers, state.workload, policy, state.means.digest_key)
    means, relief = state.means, state.relief
    frame = Frame(
        state.id, event.at, state.snapshot, policy, caller, endpoint.dialect, headers, means, endpoint, relief
    )
    if relief is Relief.CAPS:
        return overload.undecided(frame, event.at)
    length = _declared_length(headers)
    if length is not None and length > means.body_limit:
        return request.consult_unread(frame, length, event.at)
    if event.end:
        return request.consult_unread(frame, 0, event.at)
    weight = event.intake.weight(length)
    if not event.intake.has_room_for(weight):
        return request.consult_unasked(frame, event.intake.likely if length is None else length, event.at)
    return Receiving(frame, weight=weight, declared=length is not None), (ReadOn(remove=hop_headers(headers)),)


def _on_body(state: State, event: RequestBody) -> Step:
    if isinstance(state, Retrying):
        return second_attempt.on_body(state, event)
    if not isinstance(state, Receiving):
        return state, (GoUpstream(to="body"),)
    chunks = (*state.chunks, event.chunk)
    if not event.end:
        return replace(state, chunks=chunks), ()
    if event.is_unread:
        return request.consult_in_passing(state.frame, sum(map(len, chunks)), event.at)
    return request.consult(state.frame, b"".join(chunks), event.at)


def _on_response_headers(state: State, event: ResponseHeaders) -> Step:
    match state:
        case Upstream():
            return response.on_headers(state, event)
        case Listing():
            return model_list.on_headers(state, event)
        case _:
            return state, (PassHeaders(()),)


def _on_response_body(state: State, event: ResponseBody) -> Step:
    match state:
        case Responding():
            return response.on_body(state, event)
        case Listing():
            return model_list.on_body(state, event)
        case _:
            return state, (PassChunk(),)


def _declared_length(headers: Headers) -> int | None:
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else None

"""The answer flows past: replied to at once, copied in bounded memory, read only when it is over."""

from __future__ import annotations

from dataclasses import replace

from costward_extproc.core import fallback, notices, spending, untold
from costward_extproc.core.events import Effect, PassChunk, PassHeaders, Renew, ResponseBody, ResponseHeaders
from costward_extproc.core.evolve import evolve
from costward_extproc.core.money import cost
from costward_extproc.core.states import Responding, Step, Upstream
from costward_extproc.core.tickets import Verdict
from costward_extproc.core.transcript import Transcript

_RENEW_EVERY_S = 1.0
"""What was seen is told to the ledger this often at most. The ledger notes it within another second: a crash then loses
about two seconds of a stream's cost, not its whole rest."""


def on_headers(state: Upstream, event: ResponseHeaders) -> Step:
    status = int(event.headers.get(":status", "0") or 0)
    verdict = Verdict.of(event.verdict) if event.verdict else None
    case = fallback.returned(state.case, event.attempts, event.failed, verdict)
    streamed = event.headers.get("content-type", "").lower().startswith("text/event-stream")
    encoding = event.headers.get("content-encoding", "identity").strip().lower()
    responding = Responding(
        case=case,
        status=status,
        streamed=streamed,
        encoding=encoding,
        first_byte_at=event.at,
        transcript=Transcript(case.means.answer_limit),
        ended=event.end,
        strip=streamed and encoding == "identity" and case.asks_for_usage,
        renewed_at=event.at,
    )
    model = case.plan.model if case.plan else None
    return responding, (PassHeaders(notices.common(case, model)),)


def on_body(state: Responding, event: ResponseBody) -> Step:
    if state.ended:
        return state, (PassChunk(),)
    flows, held = event.chunk, b""
    if state.strip:
        flows, held = state.case.frame.dialect.take_out_usage(state.held, event.chunk, event.end)
    state = evolve(state, transcript=state.transcript.add(event.chunk), held=held, ended=event.end)
    effects: list[Effect] = [PassChunk(None if flows == event.chunk else flows)]
    if state.case.reservation and event.at - state.renewed_at >= _RENEW_EVERY_S:
        state = evolve(state, renewed_at=event.at)
        effects.append(Renew(state.case.frame.id, _seen(state)))
    return state, tuple(effects)


def _seen(state: Responding) -> int:
    """A rough µ$ of what came so far, charged only if this process dies before the answer's end."""
    case = state.case
    if case.quote is None:
        return case.seen
    per_token = spending.BYTES_PER_STREAMED_TOKEN if state.streamed else spending.BYTES_PER_TOKEN
    usage = replace(untold.taken_in(case), output=state.transcript.size // per_token)
    price = cost(usage, case.quote.rates)
    return fallback.lost(case) + price

"""Reading a request's body, once: inflated where it is compressed, and with no doubt about what it says."""

from __future__ import annotations

from costward_extproc.core import spending
from costward_extproc.core.case import Case, Frame
from costward_extproc.core.evolve import evolve
from costward_extproc.core.fingerprint import digest
from costward_extproc.core.headers import encoding_of
from costward_extproc.core.inflating import PLAIN, inflated, is_read, most
from costward_extproc.core.states import Receiving, Retrying, State
from costward_extproc.dialects.base import Asked
from costward_extproc.dialects.strict_json import MAX_BYTES, Unreadable


def read(frame: Frame, body: bytes) -> Case:
    """What is known of the exchange once its body is here."""
    media = frame.headers.get("content-type", "").partition(";")[0].strip().lower()
    text = body
    try:
        if media != "application/json" and not media.endswith("+json"):
            raise Unreadable("content-type")
        text = plain(body, encoding_of(frame.headers))
        asked = frame.dialect.read_request(text, frame.endpoint.model)
    except Unreadable as problem:
        return unreadable(frame, problem.reason, len(body), len(text))
    tokens = spending.counted(frame.dialect.prompt_text(asked), frame.means) + asked.flat_tokens
    caller = frame.caller
    if caller.session is None:
        frame = evolve(frame, caller=evolve(caller, session=_session(frame, asked)))
    return Case(frame, len(body), asked=asked, tokens=tokens)


def unreadable(frame: Frame, reason: str, size: int, inflated_size: int = 0) -> Case:
    """Known by its size alone: the bytes that came, or those that were read of them where that is more."""
    if encoding_of(frame.headers) in PLAIN:
        tokens = size // spending.BYTES_PER_TOKEN + 1
    else:
        tokens = max(size // spending.BYTES_PER_COMPRESSED_TOKEN, inflated_size // spending.BYTES_PER_TOKEN) + 1
    return Case(frame, size, unreadable=reason, tokens=tokens, reason=f"unreadable-{reason}")


def weight(state: State, body: bytes) -> int:
    """Bytes that a step with this body has to deal with."""
    match state:
        case Receiving():
            encoding = encoding_of(state.frame.headers)
        case Retrying():
            encoding = encoding_of(state.case.frame.headers)
        case _:
            return len(body)
    return max(len(body), most(body, encoding, MAX_BYTES)) if is_read(encoding) else len(body)


def plain(body: bytes, encoding: str) -> bytes:
    """Raises Unreadable: content-encoding, broken-encoding, too-large."""
    if encoding in PLAIN:
        return body
    limit = most(body, encoding, MAX_BYTES)
    found = inflated(body, encoding, limit + 1)
    if found is None:
        raise Unreadable("content-encoding")
    if len(found.body) > limit:
        raise Unreadable("too-large")
    if found.end != "whole":
        raise Unreadable("broken-encoding")
    return found.body


def _session(frame: Frame, asked: Asked) -> str:
    """Without a session header: as the body names it, else the conversation's own beginning, which tells its turns
    from other conversations."""
    key, user = frame.means.digest_key, frame.caller.user or ""
    if asked.session:
        return digest(key, "session", asked.session)
    return digest(key, "conversation", user, frame.dialect.opening(asked))

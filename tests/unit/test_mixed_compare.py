"""The comparison of mixed traffic sees a changed byte, and takes only what is declared for no difference."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes.mixed_answers import answer
from tests.fakes.mixed_client import Seen
from tests.fakes.mixed_compare import differences, is_wished, without_usage
from tests.fakes.mixed_provider import Request
from tests.fakes.mixed_traffic import Exchange, Flavour, traffic

QUIET = Flavour(aborted=0, failing=0, malformed=0, capped=0, aliases=0)
WISHING = next(e for e in traffic(1, range(200), QUIET) if e.wish and b"stream_options" not in e.body and not e.chunked)
WISHED = WISHING.body.replace(b"{", b'{"stream_options":{"include_usage":true},', 1)


def both(exchange: Exchange = WISHING) -> tuple[Seen, Request, Seen, Request]:
    """What a faithful proxy makes of it: (seen, at the provider) without and with us."""
    requests, seen = [], []
    for body in (exchange.body, WISHED):
        script = answer(exchange.target, {}, body)
        headers = [("content-type", "application/json"), ("x-mixed", "1")]
        requests.append(Request(exchange.target, headers, body, sent=script.body))
        told = [*script.headers, ("x-costward-decision", "pass")]
        seen.append(Seen(0.0, status=200, headers=told, body=without_usage(script.body), whole=True))
    return seen[0], requests[0], seen[1], requests[1]


def found(plain: Seen, plain_sent: Request, ours: Seen, ours_sent: Request) -> list[str]:
    return differences(WISHING, plain, [plain_sent], ours, [ours_sent])


def test_what_is_declared_is_no_difference() -> None:
    plain, plain_sent, ours, ours_sent = both()
    ours.headers.append(("date", "today"))
    assert plain.body != ours.body, "its usage is null in every chunk"
    assert found(plain, plain_sent, ours, ours_sent) == []


@pytest.mark.parametrize("at", [0, 100, -1])
def test_a_changed_byte_of_an_answer_is_one(at: int) -> None:
    plain, plain_sent, ours, ours_sent = both()
    changed = bytearray(ours.body)
    changed[at] ^= 1
    assert found(plain, plain_sent, replace(ours, body=bytes(changed)), ours_sent)


def test_a_usage_chunk_that_nobody_asked_for_is_one() -> None:
    plain, plain_sent, ours, ours_sent = both()
    assert found(plain, plain_sent, replace(ours, body=ours_sent.sent), ours_sent)


def test_an_event_that_is_missing_is_one() -> None:
    plain, plain_sent, ours, ours_sent = both()
    cut = ours.body[: ours.body.rindex(b"data: ")]
    assert found(plain, plain_sent, replace(ours, body=cut), ours_sent)
    assert found(plain, plain_sent, replace(ours, body=cut, whole=False), ours_sent)


def test_a_header_more_or_less_or_in_another_order_is_one() -> None:
    plain, plain_sent, ours, ours_sent = both()
    for headers in (ours.headers[1:], [*ours.headers, ("x-new", "1")], ours.headers[::-1]):
        assert found(plain, plain_sent, replace(ours, headers=headers), ours_sent)
    assert found(plain, plain_sent, ours, replace(ours_sent, headers=[]))


def test_another_status_end_or_number_of_requests_is_one() -> None:
    plain, plain_sent, ours, ours_sent = both()
    assert found(plain, plain_sent, replace(ours, status=500), ours_sent)
    assert found(plain, plain_sent, replace(ours, whole=False, problem="RemoteProtocolError"), ours_sent)
    assert differences(WISHING, plain, [plain_sent], ours, [ours_sent, ours_sent])


def test_only_where_nobody_was_there_may_the_wish_be_missing() -> None:
    plain, plain_sent, ours, ours_sent = both()
    unwished = replace(ours_sent, body=plain_sent.body, sent=plain_sent.sent)
    assert found(plain, plain_sent, replace(ours, body=plain.body), unwished)
    assert found(plain, plain_sent, replace(plain, headers=plain.headers[:-1]), unwished) == []


def test_a_request_differs_in_the_wish_alone() -> None:
    body = b'{"model": "gpt-5", "stream": true, "messages": []}'
    wished = body[:-1] + b', "stream_options": {"include_usage": true}}'
    assert is_wished(body, wished, wish=True)
    assert is_wished(body, body, wish=False)
    assert not is_wished(body, body, wish=True), "nobody asked"
    assert not is_wished(body, wished, wish=False), "nobody should have"
    assert not is_wished(body, wished.replace(b"gpt-5", b"gpt-4"), wish=True)
    assert not is_wished(body, wished.replace(b'": "', b'":"'), wish=True), "its blanks are bytes too"


def test_traffic_is_the_same_each_time() -> None:
    assert list(traffic(5, range(40))) == list(traffic(5, range(40)))
    assert list(traffic(5, [7])) == list(traffic(5, range(8)))[7:]
    assert list(traffic(5, [7])) != list(traffic(6, [7]))


def test_a_stream_that_is_cut_within_the_usage_chunk_owes_what_came_before() -> None:
    before, usage = b'data: {"choices":[{"index":0}]}\n\n', b'data: {"choices":[],"usage":{}}\n\n'
    assert without_usage(before + usage + b"data: [DONE]\n\n") == before + b"data: [DONE]\n\n"
    assert without_usage(before + usage[:-2]) == before
    assert without_usage(before + before[:9]) == before + before[:9]

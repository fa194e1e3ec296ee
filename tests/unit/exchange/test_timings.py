"""When things happened, as the record tells it."""

from __future__ import annotations

import json

from costward_extproc.core.events import Closed, RequestBody, RequestHeaders, ResponseBody, ResponseHeaders

from tests.fakes.world import NOW, World, chat, completion, policy


def test_timings_are_counted_from_the_request_headers() -> None:
    world = World.of(policy())
    run = world.begin()
    headers = {":method": "POST", ":path": "/v1/chat/completions", "content-type": "application/json"}
    run.send(RequestHeaders(NOW, headers, end=False))
    world.now = NOW + 0.002
    run.send(RequestBody(NOW + 0.001, json.dumps(chat()).encode(), end=True))
    run.send(ResponseHeaders(NOW + 0.5, {":status": "200", "content-type": "application/json"}, end=False))
    run.send(ResponseBody(NOW + 0.6, completion(), end=True))
    run.send(Closed(NOW + 0.75))
    timings = run.record.timings
    assert (timings.decided, timings.first_byte, timings.ended) == (2.0, 500.0, 750.0)
    assert run.record.at == NOW


def test_what_was_not_reached_has_no_time() -> None:
    run = World.of(policy()).begin()
    headers = {":method": "POST", ":path": "/v1/chat/completions", "content-type": "application/json"}
    run.send(RequestHeaders(NOW, headers, end=False))
    run.send(Closed(NOW + 1))
    assert (run.record.timings.decided, run.record.timings.first_byte) == (None, None)
    assert (run.record.end, run.record.reason, run.record.cost) == ("aborted", "no-body", 0)

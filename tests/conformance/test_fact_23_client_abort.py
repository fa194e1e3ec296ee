"""When a client leaves, our stream ends within milliseconds: as EOF or as a cancelled call, both for the same cause.

What was streamed until then costs money: it is settled from what was seen, whichever of the two it is.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.conformance import Lab, Ours
from tests.fakes.naive_server import replies
from tests.fakes.raw_client import chat, connection, request
from tests.fakes.raw_provider import Asked, RawProvider, events, in_parts
from tests.fakes.running_stack import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.fact(23, "A client that leaves is EOF or CancelledError: both are settled from what was seen"),
]

ABORTS = 12


async def abort(port: int, user: str, number: int) -> None:
    async with connection(port) as line:
        await line.send(request(chat(f"{user} {number}", stream=True), user=user))
        await line.reader.readuntil(b"w2 ")


async def test_each_abort_is_settled_once_and_soon(ours: Ours, provider: RawProvider, user: str) -> None:
    provider.answer = in_parts(events(200), pause_s=0.01)
    for number in range(ABORTS):
        await abort(ours.port, user, number)
    records = await ours.of(user, ABORTS)
    assert {record["end"] for record in records} == {"aborted"}
    assert all(0 < record["usage"]["output"] < 100 and record["usage"]["estimated"] for record in records)
    books = await ours.stack.settled()
    assert books.reserved == 0


async def test_a_client_that_leaves_before_the_answer_is_settled_too(
    ours: Ours, provider: RawProvider, user: str
) -> None:
    provider.answer = silence
    async with connection(ours.port) as line:
        await line.send(request(chat("hello"), user=user))
        await until(lambda: bool(provider.asked), "the request at the provider")
    (record,) = await ours.of(user)
    assert (record["end"], record["cost"] > 0) == ("aborted", True)


async def silence(asked: Asked) -> None:
    await asyncio.sleep(2)


async def test_naive_who_takes_the_streams_end_for_the_answers_end_has_a_cut_answer(
    lab: Lab, provider: RawProvider, user: str
) -> None:
    provider.answer = in_parts(events(200), pause_s=0.01)
    lab.server.script = replies(response_body="STREAMED")
    for number in range(ABORTS):
        await abort(lab.port, user, number)
    await until(lambda: all(c.ended for c in lab.server.conversations), "the end of all streams", 3)
    assert {conversation.ended for conversation in lab.server.conversations} <= {"eof", "cancelled"}
    # The call ends as that of a whole answer does; only the end of the body, which never came, tells them apart.
    ends = [message.response_body.end_of_stream for c in lab.server.conversations for message in c.messages]
    assert True not in ends
    cut = [b"".join(conversation.bodies("response_body")) for conversation in lab.server.conversations]
    assert all(b"w2 " in text and b"[DONE]" not in text for text in cut)

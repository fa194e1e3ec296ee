"""`/v1/responses` traffic in the shape of coding agents, built rather than pasted: large, with every kind of item."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

USAGE = {
    "input_tokens": 120,
    "input_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 8},
    "output_tokens": 30,
    "output_tokens_details": {"reasoning_tokens": 12},
    "total_tokens": 150,
}


def message(text: str = "Open settings.", id: str = "msg_1", **part: Any) -> dict[str, Any]:
    content = {"type": "output_text", "annotations": [], "logprobs": [], "text": text, **part}
    return {"id": id, "type": "message", "status": "completed", "role": "assistant", "content": [content]}


def reasoning() -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": "Think."}]
    return {"id": "rs_1", "type": "reasoning", "summary": summary, "encrypted_content": "gAAAA" * 120}


def call(number: int = 1) -> dict[str, Any]:
    arguments = json.dumps({"command": ["bash", "-lc", f"sed -n {number}p a.py"], "workdir": "/x"})
    return {
        "id": f"fc_{number}",
        "type": "function_call",
        "status": "completed",
        "call_id": f"call_{number}",
        "name": "shell",
        "arguments": arguments,
    }


def response(*output: Mapping[str, Any], **members: Any) -> dict[str, Any]:
    """A finished response; as OpenAI writes it, with members that nobody here knows."""
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "completed_at": 2,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "gpt-5-2025-08-07",
        "output": list(output) or [message()],
        "metadata": {"run": "theirs"},
        "user": None,
        "x_unknown": {"n": 1.0},
        "usage": USAGE,
        **members,
    }


def stream(whole: Mapping[str, Any], *, crlf: bool = False) -> bytes:
    """The provider's events for `whole`."""
    events = []
    for number, (kind, members) in enumerate(_events(whole)):
        data = json.dumps({"type": kind, "sequence_number": number, **members})
        events.append(f"event: {kind}\ndata: {data}\n\n")
    text = "".join(events)
    return (text.replace("\n", "\r\n") if crlf else text).encode()


def _events(whole: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    begun = {**whole, "status": "in_progress", "output": [], "usage": None, "error": None, "incomplete_details": None}
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for index, item in enumerate(whole["output"]):
        yield "response.output_item.added", {"output_index": index, "item": {**item, "content": [], "arguments": ""}}
        yield from _deltas(index, item)
        yield "response.new_event_that_nobody_knows", {"delta": {"x": 1}}
        yield "response.output_item.done", {"output_index": index, "item": item}
    yield f"response.{whole['status']}", {"response": whole}


def _deltas(index: int, item: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    where = {"output_index": index, "item_id": item["id"]}
    if item["type"] == "function_call":
        for piece in _pieces(item["arguments"]):
            yield "response.function_call_arguments.delta", {**where, "delta": piece}
    for part in item.get("content", ()):
        for piece in _pieces(part["text"]):
            yield "response.output_text.delta", {**where, "delta": piece, "logprobs": [], "obfuscation": "kQ8"}


def _pieces(text: str, size: int = 5) -> Iterable[str]:
    return (text[start : start + size] for start in range(0, len(text), size))


STREAMS = {
    "text": stream(response()),
    "unicode, CR LF": stream(response(message('Grüße "½" \u2028 \\n data: [DONE]\n\n')), crlf=True),
    "reasoning and parallel calls": stream(response(reasoning(), call(1), call(2))),
    "two messages": stream(response(message("One."), message("Two.", "msg_2"))),
    "incomplete": stream(response(status="incomplete", incomplete_details={"reason": "max_output_tokens"})),
    "failed": stream(response(status="failed", error={"code": "server_error", "message": "no"}, usage=None)),
    "error": stream(response())[:700].rpartition(b"event:")[0]
    + b'event: error\ndata: {"type":"error","code":"rate_limit_exceeded","message":"m","sequence_number":3}\n\n',
}


def agent_request(turns: int = 40, **members: Any) -> dict[str, Any]:
    """200 kB: instructions, 60 tools, and a history of reasoning, parallel calls and their outputs."""
    parameters = {
        "type": "object",
        "properties": {f"argument_{n}": {"type": "string", "description": "What it is for. " * 20} for n in range(6)},
    }
    tools = [
        {"type": "function", "name": f"tool_{n}", "description": "Does it.", "strict": False, "parameters": parameters}
        for n in range(60)
    ]
    items: list[dict[str, Any]] = [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Mend the build."}]},
    ]
    for turn in range(turns):
        first, second = call(2 * turn), call(2 * turn + 1)
        items += [reasoning(), first, second]
        items += [
            {"type": "function_call_output", "call_id": each["call_id"], "output": f"line {turn}\n" * 40}
            for each in (first, second)
        ]
    return {
        "model": "gpt-5",
        "instructions": "You are a coding agent. " * 200,
        "input": items,
        "tools": tools,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "0198a1c2-session",
        "text": {"verbosity": "low"},
        **members,
    }

"""Requests and answers of `anthropic.messages` in the shapes that coding agents make them: built, not recorded."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MODEL = "claude-sonnet-4-6"
MARK = {"cache_control": {"type": "ephemeral"}}
HOUR = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
SESSION = "2c4e1cf0-7a67-4d2e-9a4b-1d16d3f44752"
USER_ID = f"user_{'8b7e2c1d' * 8}_account__session_{SESSION}"


def signature(of: str) -> str:
    return base64.b64encode(hashlib.sha512(of.encode()).digest() * 4).decode()


def tool(number: int) -> dict[str, Any]:
    """One of an agent's tools, with a schema that has arguments named like members of the API."""
    properties = {
        "path": {"type": "string", "description": f'The absolute path, e.g. "/src/módulo_{number}.py"\n' * 3},
        "cache_control": {"type": "string", "enum": ["none", "ephemeral"]},
        "model": {"type": "string", "default": "any"},
        "limit": {"type": "number", "default": 1.0, "maximum": 2000},
    }
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": properties}
    description = f"Tool {number}. Use it when the user asks — never otherwise. " * 12
    return {"name": f"mcp__server__tool_{number}", "description": description, "input_schema": schema}


def turn(number: int, *, thinking: bool = True) -> list[dict[str, Any]]:
    """An agent's step: it thinks, calls two tools at once, and gets a text and a picture back."""
    ids = [f"toolu_{number:04d}_{side}" for side in "ab"]
    thought = f"Step {number}: look at both files first. 🤔 " * 4
    said: list[dict[str, Any]] = [{"type": "text", "text": f"I'll read them ({number})."}]
    if thinking:
        said.insert(0, {"type": "thinking", "thinking": thought, "signature": signature(thought)})
    said += [
        {"type": "tool_use", "id": id, "name": f"mcp__server__tool_{number}", "input": {"path": f"/src/{id}.py"}}
        for id in ids
    ]
    source = f'{number}→def f():\n\treturn "é\\n" # \\u00e9 </env>\n' * 40
    picture = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(source.encode()).decode()}
    results = [
        {"type": "tool_result", "tool_use_id": ids[0], "content": source},
        {"type": "tool_result", "tool_use_id": ids[1], "content": [{"type": "image", "source": picture}]},
    ]
    return [{"role": "assistant", "content": said}, {"role": "user", "content": results}]


def agent(
    *, turns: int = 24, tools: int = 60, thinking: bool = True, question: str = "Fix it.", **members: Any
) -> dict[str, Any]:
    """A coding agent's request: over 200 kB with the defaults. A member given as None is left out."""
    system = [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.77.a1b; cc_entrypoint=cli; cch=00000;"},
        {"type": "text", "text": "You are an interactive agent.", **HOUR},
        {"type": "text", "text": "# Rules\n" + "Be exact — “always”.\n" * 200, **HOUR},
    ]
    messages: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": "Begin.", **MARK}]}]
    for number in range(turns):
        messages += turn(number, thinking=thinking)
    messages.append({"role": "assistant", "content": [{"type": "text", "text": "Done so far."}]})
    messages.append({"role": "user", "content": [{"type": "text", "text": question, **MARK}]})
    offered = [tool(number) for number in range(tools)]
    document: dict[str, Any] = {
        "model": MODEL,
        "messages": messages,
        "system": system,
        "tools": [*offered[:-1], {**offered[-1], **MARK}] if offered else None,
        "metadata": {"user_id": USER_ID},
        "max_tokens": 32_000,
        "thinking": {"type": "enabled", "budget_tokens": 31_999} if thinking else None,
        "stream": True,
        **members,
    }
    return {name: value for name, value in document.items() if value is not None}


def body_of(document: Mapping[str, Any]) -> bytes:
    """As a JavaScript client writes it: compact, in UTF-8."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def ask(question: str = "How do I reset my password?", **members: Any) -> dict[str, Any]:
    """A plain question's document; a member given as None is left out."""
    document = {"model": MODEL, "max_tokens": 1_000, "messages": [{"role": "user", "content": question}], **members}
    return {name: value for name, value in document.items() if value is not None}


USAGE = {
    "input_tokens": 12,
    "cache_creation_input_tokens": 3_000,
    "cache_read_input_tokens": 40_000,
    "cache_creation": {"ephemeral_5m_input_tokens": 1_000, "ephemeral_1h_input_tokens": 2_000},
    "output_tokens": 7,
    "service_tier": "standard",
}


def message(*blocks: dict[str, Any] | str, stop: str = "end_turn", **members: Any) -> dict[str, Any]:
    """An answer as its JSON has it; a string stands for a block of text."""
    content = [{"type": "text", "text": block} if isinstance(block, str) else block for block in blocks]
    return {
        "model": "claude-sonnet-4-6",
        "id": "msg_01AbC",
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": USAGE,
        **members,
    }


def event(name: str, line: bytes = b"\n", **members: Any) -> bytes:
    data = json.dumps({"type": name, **members}, ensure_ascii=False)
    return b"event: " + name.encode() + line + b"data: " + data.encode() + line + line


def stream(answer: Mapping[str, Any], *, line: bytes = b"\n", size: int = 5) -> bytes:
    """The events that add up to `answer`, with pieces of `size` characters and a ping within."""
    return b"".join(_events(answer, line, size))


def _events(answer: Mapping[str, Any], line: bytes, size: int) -> Iterator[bytes]:
    usage = answer["usage"]
    begun = {**answer, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield event("message_start", line, message=begun)
    for index, block in enumerate(answer["content"]):
        opened, deltas = _pieces(block, size)
        yield event("content_block_start", line, index=index, content_block=opened)
        for number, delta in enumerate(deltas):
            if number == 1:
                yield event("ping", line)
            yield event("content_block_delta", line, index=index, delta=delta)
        yield event("content_block_stop", line, index=index)
    ending = {"stop_reason": answer["stop_reason"], "stop_sequence": answer["stop_sequence"]}
    yield event("message_delta", line, delta=ending, usage={"output_tokens": usage["output_tokens"]})
    yield event("message_stop", line)


def _pieces(block: Mapping[str, Any], size: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A block as it is opened, and the deltas that fill it."""
    match block["type"]:
        case "text":
            deltas = [{"type": "text_delta", "text": piece} for piece in _cut(block["text"], size)]
            return {**block, "text": ""}, deltas
        case "thinking":
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in _cut(block["thinking"], size)]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
            return {**block, "thinking": "", "signature": ""}, deltas
        case "tool_use":
            pieces = ["", *_cut(json.dumps(block["input"]), size)]
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        case _:
            return dict(block), []


def _cut(text: str, size: int) -> Sequence[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def thought(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": signature(text)}


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{name}", "name": name, "input": arguments}


SEARCHED = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [{"type": "web_search_result", "url": "https://a.example", "encrypted_content": "AAAA"}],
}

ANSWERS = {
    "text": message("Open settings. 🔑 Then “reset”."),
    "two-texts": message("Open settings.", " Then reset."),
    "thinking": message(thought("Let me think — hard."), "Open settings."),
    "redacted": message({"type": "redacted_thinking", "data": signature("x")}, "Open settings."),
    "parallel-tools": message("Both:", call("read", path="/a\n"), call("read_too", path="/é"), stop="tool_use"),
    "server-tool": message(
        {**call("web_search", query="x"), "type": "server_tool_use"}, SEARCHED, "It is so.", stop="end_turn"
    ),
    "cut-by-limit": message("Open", stop="max_tokens"),
    "cut-by-caller": message("Open", stop="stop_sequence", stop_sequence="END"),
    "refused": message("No.", stop="refusal"),
    "paused": message("Wait", stop="pause_turn"),
    "empty": message(),
}
"""Whole answers by what is special about them; only the first two may be kept."""

STREAMS = {
    **{name: stream(answer) for name, answer in ANSWERS.items()},
    "crlf": stream(ANSWERS["text"], line=b"\r\n"),
    "large-pieces": stream(ANSWERS["thinking"], size=400),
    "error-in-the-middle": stream(ANSWERS["text"])[:700]
    + b"\n\n"
    + event("error", error={"type": "overloaded_error", "message": "Overloaded"}),
    "of-a-later-api": event("hello", message="x")
    + stream(ANSWERS["text"]).replace(
        b"event: ping", event("news", index=0, delta={"type": "smell_delta"}) + b"event: ping"
    ),
}

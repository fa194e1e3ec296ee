"""Request bodies of the four dialects in the shapes that applications and coding agents send them."""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tests.fakes import anthropic_fixtures

CHAT, RESPONSES, EMBEDDINGS, MESSAGES = "openai.chat", "openai.responses", "openai.embeddings", "anthropic.messages"
TARGETS = {
    CHAT: "/v1/chat/completions",
    RESPONSES: "/v1/responses",
    EMBEDDINGS: "/v1/embeddings",
    MESSAGES: "/v1/messages",
}
_WEIGHTS = {CHAT: 40, RESPONSES: 20, EMBEDDINGS: 10, MESSAGES: 30}

_SUBJECTS = ("my invoice", "the naïve résumé", "日本語の請求書", "a 12.5 % discount", "emoji 🎉 orders", "</env> tags")
_PIXEL = base64.b64encode(bytes(range(256)) * 8).decode()


@dataclass(frozen=True, slots=True)
class Shape:
    dialect: str
    name: str
    target: str
    document: dict[str, Any]


def shape(draw: random.Random, number: int, repeats: bool) -> Shape:
    """One request; with `repeats` out of a few that recur."""
    dialect = draw.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    text = f"Tell me about {draw.choice(_SUBJECTS)}"
    text += "." if repeats else f", case {number}: {draw.getrandbits(32):08x}."
    name, document = _BUILDERS[dialect](draw, text, repeats)
    return Shape(dialect, name, TARGETS[dialect], document)


def _chat(draw: random.Random, text: str, repeats: bool) -> tuple[str, dict[str, Any]]:
    document: dict[str, Any] = {"model": "gpt-5" if repeats else draw.choice(["gpt-5-mini", "gpt-5", "gpt-4.1"])}
    name = "question" if repeats else draw.choices(["question", "turns", "vision", "json", "agent"], [5, 3, 1, 1, 1])[0]
    messages: list[dict[str, Any]] = [{"role": "user", "content": text}]
    match name:
        case "turns":
            messages = [{"role": "system", "content": "Be brief.\n" * draw.randrange(1, 40)}, *messages]
            messages[1:1] = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi, how can I?"}]
        case "vision":
            picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_PIXEL}", "detail": "low"}}
            messages = [{"role": "user", "content": [{"type": "text", "text": text}, picture]}]
        case "json":
            schema = {"type": "object", "properties": {"answer": {"type": "string"}}, "additionalProperties": False}
            document["response_format"] = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
        case "agent":
            tools = draw.choice([3, 60])
            messages = [{"role": "system", "content": "You are an agent."}, *_calls(tools), *messages]
            document |= {"tools": _functions(tools), "parallel_tool_calls": True, "reasoning_effort": "low"}
    document["messages"] = messages
    if not repeats and draw.random() < 0.5:
        document["max_completion_tokens"] = draw.choice([200, 4_000])
    if draw.random() < 0.55:
        document["stream"] = True
        options = draw.choice([None, None, {"include_usage": True}, {"include_usage": False}, {"x": 1}])
        document |= {"stream_options": options} if options is not None else {}
    return name, document


def _responses(draw: random.Random, text: str, repeats: bool) -> tuple[str, dict[str, Any]]:
    document: dict[str, Any] = {"model": "gpt-5" if repeats else "gpt-5-mini", "input": text}
    name = "question" if repeats else draw.choices(["question", "items", "agent"], [4, 3, 2])[0]
    if name == "items":
        content = [{"type": "input_text", "text": text}]
        document |= {"instructions": "Be exact.", "input": [{"role": "user", "content": content}]}
    if name == "agent":
        items: list[dict[str, Any]] = [{"role": "user", "content": "Begin."}]
        for step in range(draw.choice([2, 30])):
            items.append({"type": "reasoning", "id": f"rs_{step}", "summary": [], "encrypted_content": "gAAA" * 100})
            items += [
                {"type": "function_call", "call_id": f"c{step}{side}", "name": "read", "arguments": '{"path":"a"}'}
                for side in "ab"
            ]
            items += [
                {"type": "function_call_output", "call_id": f"c{step}{side}", "output": _source(step)} for side in "ab"
            ]
        items.append({"role": "user", "content": [{"type": "input_text", "text": text}]})
        tools = [{"type": "function", **function["function"]} for function in _functions(draw.choice([3, 60]))]
        document |= {"input": items, "tools": tools, "store": False, "include": ["reasoning.encrypted_content"]}
    if not repeats and draw.random() < 0.5:
        document["max_output_tokens"] = 4_000
    return name, document | ({"stream": True} if draw.random() < 0.6 else {})


def _embeddings(draw: random.Random, text: str, _: bool) -> tuple[str, dict[str, Any]]:
    document: dict[str, Any] = {"model": draw.choice(["text-embedding-3-small", "text-embedding-3-large"])}
    name = draw.choice(["one", "many", "tokens"])
    given: Any = {"one": text, "many": [f"{text} {n}" for n in range(draw.choice([2, 64]))], "tokens": [[1, 2, 3], [4]]}
    document["input"] = given[name]
    return name, document | draw.choice([{}, {"encoding_format": "base64"}])


def _messages(draw: random.Random, text: str, repeats: bool) -> tuple[str, dict[str, Any]]:
    stream = draw.random() < 0.6
    model = "claude-sonnet-4-5" if repeats or draw.random() < 0.5 else "claude-haiku-4-5"
    name = "question" if repeats else draw.choices(["question", "system", "agent", "large-agent"], [5, 3, 3, 1])[0]
    members: dict[str, Any] = {"model": model} | ({"stream": True} if stream else {})
    if name == "question":
        return name, anthropic_fixtures.ask(text, **members)
    if name == "system":
        system = [{"type": "text", "text": "Answer as a clerk.\n" * 60, **anthropic_fixtures.MARK}]
        return name, anthropic_fixtures.ask(text, system=system, **members)
    turns, tools = (24, 60) if name == "large-agent" else (2, 4)
    document = dict(_agent(turns, tools, draw.random() < 0.7))
    document["messages"] = [*document["messages"][:-1], {"role": "user", "content": [{"type": "text", "text": text}]}]
    return name, document | {"model": model, "stream": stream}


@lru_cache
def _agent(turns: int, tools: int, thinking: bool) -> dict[str, Any]:
    return anthropic_fixtures.agent(turns=turns, tools=tools, thinking=thinking)


@lru_cache
def _functions(count: int) -> list[dict[str, Any]]:
    """OpenAI's tools; sixty are 50 kB."""
    tools = [anthropic_fixtures.tool(number) for number in range(count)]
    return [
        {
            "type": "function",
            "function": {"name": t["name"], "description": t["description"], "parameters": t["input_schema"]},
        }
        for t in tools
    ]


@lru_cache
def _source(step: int) -> str:
    return f'{step}→def f():\n\treturn "é\\n" # \\u00e9 </env>\n' * 40


@lru_cache
def _calls(steps: int) -> list[dict[str, Any]]:
    """An agent's history: two tools at once in every step, and what they gave."""
    history: list[dict[str, Any]] = []
    for step in range(steps):
        ids = [f"call_{step}_{side}" for side in "ab"]
        function = {"name": f"mcp__server__tool_{step}", "arguments": '{"path": "/src/a.py"}'}
        calls = [{"id": id, "type": "function", "function": function} for id in ids]
        history.append({"role": "assistant", "content": None, "tool_calls": calls})
        history += [{"role": "tool", "tool_call_id": id, "content": _source(step)} for id in ids]
    return history


_BUILDERS = {CHAT: _chat, RESPONSES: _responses, EMBEDDINGS: _embeddings, MESSAGES: _messages}

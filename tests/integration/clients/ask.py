"""One question by LangChain or LiteLLM as applications use them, printed as one line of JSON.

    python ask.py langchain-openai|langchain-anthropic|litellm-openai|litellm-anthropic < QUESTION.json

QUESTION: {text, model, stream, tools, schema, picture, headers}; `schema`: of the JSON that is wanted; `picture`: a PNG
in base64. Base URLs and keys come from the environment alone. Runs in the environment of tools/setup_clients.py, and
imports nothing of Costward. Prints {text, chunks, tools, input, output, error, status, message}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

Question = dict[str, Any]
Told = dict[str, Any]


def langchain_openai(asked: Question) -> Told:
    from langchain_openai import ChatOpenAI

    return _langchain(ChatOpenAI(model=asked["model"], default_headers=asked["headers"], stream_usage=True), asked)


def langchain_anthropic(asked: Question) -> Told:
    from langchain_anthropic import ChatAnthropic

    model = ChatAnthropic(model_name=asked["model"], max_tokens=1_000, default_headers=asked["headers"])
    return _langchain(model, asked)


def _langchain(model: Any, asked: Question) -> Told:
    runnable = model.bind_tools(asked["tools"]) if asked["tools"] else model
    prompt: Any = asked["text"]
    if asked["picture"]:
        picture = {"type": "image", "base64": asked["picture"], "mime_type": "image/png"}
        prompt = [{"role": "user", "content": [{"type": "text", "text": asked["text"]}, picture]}]
    if asked["schema"]:
        shaped = model.with_structured_output(asked["schema"], method="json_schema", include_raw=True)
        pieces = [shaped.invoke(prompt)["raw"]]
    else:
        pieces = list(runnable.stream(prompt)) if asked["stream"] else [runnable.invoke(prompt)]
    message = pieces[0]
    for piece in pieces[1:]:
        message += piece
    usage = message.usage_metadata or {}
    return {
        "text": message.text if isinstance(message.text, str) else message.text(),
        "chunks": len(pieces),
        "tools": [call["name"] for call in message.tool_calls],
        "input": usage.get("input_tokens"),
        "output": usage.get("output_tokens"),
    }


def litellm_openai(asked: Question) -> Told:
    return _litellm(f"openai/{asked['model']}", asked)


def litellm_anthropic(asked: Question) -> Told:
    return _litellm(f"anthropic/{asked['model']}", asked)


def _litellm(model: str, asked: Question) -> Told:
    import litellm

    more: Question = {"tools": asked["tools"]} if asked["tools"] else {}
    if asked["stream"]:
        more |= {"stream": True, "stream_options": {"include_usage": True}}
    if asked["schema"]:
        more["response_format"] = {"type": "json_schema", "json_schema": {"name": "told", "schema": asked["schema"]}}
    content: Any = asked["text"]
    if asked["picture"]:
        picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{asked['picture']}"}}
        content = [{"type": "text", "text": asked["text"]}, picture]
    messages = [{"role": "user", "content": content}]
    answer = litellm.completion(model, messages=messages, max_tokens=1_000, extra_headers=asked["headers"], **more)
    pieces = list(answer) if asked["stream"] else [answer]
    whole = litellm.stream_chunk_builder(pieces, messages=messages) if asked["stream"] else answer
    message = whole.choices[0].message
    return {
        "text": message.content or "",
        "chunks": len(pieces),
        "tools": [call.function.name for call in message.tool_calls or ()],
        "input": whole.usage.prompt_tokens,
        "output": whole.usage.completion_tokens,
    }


def _failed(error: Exception) -> Told:
    status = getattr(error, "status_code", None)
    return {"text": None, "error": type(error).__name__, "status": status, "message": str(error)}


CLIENTS: dict[str, Callable[[Question], Told]] = {
    "langchain-openai": langchain_openai,
    "langchain-anthropic": langchain_anthropic,
    "litellm-openai": litellm_openai,
    "litellm-anthropic": litellm_anthropic,
}


def answers(client: Callable[[Question], Told], questions: list[Question]) -> Iterator[Told]:
    for question in questions:
        asked = {"stream": False, "tools": [], "schema": None, "picture": None, "headers": {}} | question
        try:
            yield {"error": None} | client(asked)
        except Exception as error:
            yield _failed(error)


def main() -> None:
    for told in answers(CLIENTS[sys.argv[1]], json.load(sys.stdin)):
        sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()

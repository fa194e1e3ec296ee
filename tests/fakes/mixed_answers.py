"""What the scripted provider answers: a pure function of the request, with what it will be billed for.

Nothing depends on whether a stream was asked for its usage, apart from the usage itself: a request means the same with
and without Costward.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from costward_cli.stand_in.bill import Sale, is_known

from tests.fakes import mixed_streams
from tests.fakes.mixed_counting import Usage, tokens, usages
from tests.fakes.mixed_requests import CHAT, EMBEDDINGS, MESSAGES, TARGETS

_DIALECTS = {target: dialect for dialect, target in TARGETS.items()}
_WORDS = ("word", "light", "river", "table", "green", "number", "simple", "garden", "paper", "music")
"""With the blank before it each is one token."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes that leave together, and the output in them."""

    data: bytes
    text: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """The answer before it is put on the wire: thinking, text and calls, each possibly empty."""

    id: str
    model: str
    thinking: str
    text: str
    calls: tuple[tuple[str, str], ...]
    """Names of tools, and their arguments as JSON."""
    usage: Usage


@dataclass(frozen=True, slots=True)
class Script:
    status: int
    headers: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    stream: bool = False
    sale: Sale | None = None
    """Of the whole answer; None: nothing is charged."""
    told_after: int = 0
    """Bytes of the body after which a discount and hidden output are told, also that there are none: of an answer cut
    before, nobody can know."""
    hidden: int = 0
    """Output that is made before the first one that is sent."""
    cacheable: tuple[Usage, ...] = ()
    """What its input might have been charged as, each as likely as the others."""

    @property
    def body(self) -> bytes:
        return b"".join(part.data for part in self.parts)

    def sale_of(self, sent: int) -> Sale | None:
        """What is charged when only so many bytes of the body left. Other answers than streams were made in whole."""
        if self.sale is None or not self.stream or sent >= len(self.body):
            return self.sale
        texts, left = [], sent
        for part in self.parts:
            if left < len(part.data):
                break
            left -= len(part.data)
            texts.append(part.text)
        return self.sale._replace(output=min(_made("".join(texts), self.hidden), self.sale.output))


def answer(target: str, headers: Mapping[str, str], body: bytes) -> Script:
    """`headers`: lower-case names."""
    dialect = _DIALECTS[target]
    fault = headers.get("x-mixed-fault", "")
    if fault.startswith("status:"):
        return _error(dialect, int(fault.removeprefix("status:")), "It failed.")
    document = None if headers.get("content-encoding") else _document(body)
    if document is None:
        return _error(dialect, 400, "The body is not a request.")
    script = _answer(dialect, document, _draw(dialect, document))
    if "gzip" in headers.get("accept-encoding", "") and not script.stream and script.status == 200:
        return _compressed(script)
    return _broken(script, fault) if fault else script


def _document(body: bytes) -> dict[str, Any] | None:
    """None: it is no request. Lenient as providers are: of a member that is there twice the last one counts."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get("model"), str):
        return None
    return document if document.get("messages") or document.get("input") else None


def _draw(dialect: str, document: dict[str, Any]) -> random.Random:
    meaning = {name: value for name, value in document.items() if name not in ("stream", "stream_options")}
    return random.Random(hashlib.sha256(f"{dialect}{json.dumps(meaning)}".encode()).digest())


def _answer(dialect: str, document: dict[str, Any], draw: random.Random) -> Script:
    family = "anthropic" if dialect == MESSAGES else "openai"
    if not is_known(document["model"], family):
        return _error(dialect, 404, "There is no such model.")
    cacheable = usages(dialect, document)
    usage = draw.choice(cacheable)
    if dialect == EMBEDDINGS:
        return _embedded(document, usage, draw)
    said = _said(dialect, document, usage, draw)
    stream = document.get("stream") is True
    options = document.get("stream_options") or {}
    written = {
        CHAT: lambda: mixed_streams.chat(said, stream, options.get("include_usage") is True, draw),
        MESSAGES: lambda: mixed_streams.messages(said, stream),
    }.get(dialect, lambda: mixed_streams.responses(said, stream))()
    parts = tuple(Part(data, text) for data, text in written)
    sale = Sale(
        said.model,
        said.usage.input,
        said.usage.output,
        said.usage.cached,
        said.usage.written,
        said.usage.written_1h,
        family,
    )
    after = len(parts[0].data) if stream and family == "anthropic" else sum(len(part.data) for part in parts)
    media = "text/event-stream; charset=utf-8" if stream else "application/json"
    return Script(200, _headers(media, draw), parts, stream, sale, after, said.usage.reasoning, cacheable)


def _said(dialect: str, document: dict[str, Any], usage: Usage, draw: random.Random) -> Said:
    count = draw.choice([1, 5, 12, 25, 40, 60, 60, 200])
    text = "".join(f" {draw.choice(_WORDS)}" for _ in range(count))
    tools = document.get("tools")
    calls: tuple[tuple[str, str], ...] = ()
    if tools and draw.random() < 0.6:
        names = [_name(tool) for tool in draw.choices(tools, k=draw.choice([1, 2, 3]))]
        calls = tuple((name, json.dumps({"path": f"/src/{name}.py", "n": draw.randrange(99)})) for name in names)
        text = text if draw.random() < 0.5 else ""
    thinks = dialect == MESSAGES and bool(document.get("thinking"))
    thinking = "".join(f" {draw.choice(_WORDS)}" for _ in range(30)) if thinks else ""
    hidden = draw.choice([64, 256]) if dialect != MESSAGES and draw.random() < 0.1 else 0
    visible = tokens(thinking + text + "".join(name + arguments for name, arguments in calls))
    id = f"{draw.getrandbits(64):016x}"
    return Said(id, document["model"], thinking, text, calls, replace(usage, output=visible + hidden, reasoning=hidden))


def _name(tool: Mapping[str, Any]) -> str:
    name: str = tool["function"]["name"] if "function" in tool else tool["name"]
    return name


def _embedded(document: dict[str, Any], usage: Usage, draw: random.Random) -> Script:
    given = document["input"]
    count = len(given) if isinstance(given, list) else 1
    size = draw.choice([64, 1_536])
    rows = [
        {"object": "embedding", "index": n, "embedding": [round(draw.uniform(-1, 1), 7) for _ in range(size)]}
        for n in range(min(count, 8))
    ]
    told = {"prompt_tokens": usage.input, "total_tokens": usage.input}
    body = json.dumps({"object": "list", "data": rows, "model": document["model"], "usage": told}).encode()
    sale = Sale(document["model"], usage.input, 0)
    return Script(200, _headers("application/json", draw), (Part(body),), sale=sale)


def _headers(media: str, draw: random.Random) -> tuple[tuple[str, str], ...]:
    return (
        ("content-type", media),
        ("x-request-id", f"req_{draw.getrandbits(48):012x}"),
        ("openai-processing-ms", str(draw.randrange(900))),
        ("set-cookie", f"__cf_bm={draw.getrandbits(32):08x}; path=/"),
        ("set-cookie", "_cfuvid=x; path=/"),
        ("server", "cloudflare"),
    )


def _error(dialect: str, status: int, message: str) -> Script:
    error: dict[str, Any] = {"message": message, "type": "server_error", "param": None, "code": None}
    if dialect == MESSAGES:
        error = {"type": "api_error", "message": message}
    body = json.dumps({"error": error} if dialect != MESSAGES else {"type": "error", "error": error}).encode()
    late = (("retry-after", "2"), ("retry-after-ms", "1500")) if status == 429 else ()
    return Script(status, (("content-type", "application/json"), ("server", "cloudflare"), *late), (Part(body),))


def _made(text: str, hidden: int) -> int:
    """Output that was made when so much of it had been sent: a model thinks before it speaks."""
    return tokens(text) + hidden if text else 0


def _compressed(script: Script) -> Script:
    body = gzip.compress(script.body, mtime=0)
    headers = (*script.headers, ("content-encoding", "gzip"))
    return replace(script, headers=headers, parts=(Part(body),), told_after=script.told_after and len(body))


def _broken(script: Script, fault: str) -> Script:
    """`cut` is the connection's business; the others end in good order, but not where the answer does."""
    kind, _, permille = fault.partition(":")
    if kind not in ("early", "error") or not script.stream or script.status != 200:
        return script
    # A usage chunk that only one of two callers asked for moves no end.
    count = sum(b'"choices":[],' not in part.data for part in script.parts)
    kept = script.parts[: max(count * int(permille) // 1000, 1)]
    if kind == "error":
        told = json.dumps({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
        kept = (*kept, Part(b"event: error\ndata: " + told.encode() + b"\n\n"))
    made = _made("".join(part.text for part in kept), script.hidden)
    sale = script.sale and script.sale._replace(output=made)
    return replace(script, parts=kept, sale=sale)


def decoded(body: bytes, encoding: str) -> bytes:
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(body) if encoding in ("gzip", "deflate") else body

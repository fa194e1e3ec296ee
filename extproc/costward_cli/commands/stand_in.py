"""`costward stand-in`: a provider that costs nothing."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated

import typer

from costward_cli.ports_free import require_free
from costward_cli.sockets import listen


def stand_in(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8090,
    chunk_ms: Annotated[float, typer.Option(help="Pause between two events of a stream; 0 for benches.", min=0)] = 15.0,
    require_key: Annotated[
        bool, typer.Option("--require-key", help="Answer 401 without `Authorization: Bearer ...`.")
    ] = False,
    labels: Annotated[
        Path | None,
        typer.Option(help='Labelled texts to answer by class, one `{"text": ..., "label": ...}` a line; .gz too.'),
    ] = None,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run a local LLM provider (OpenAI, Anthropic): same question, same answer, true token counts, no cost.

    Try: curl -s 127.0.0.1:8090/v1/chat/completions -d '{"model": "gpt-5-mini", "messages": [{"role": "user",
    "content": "When are you open?"}]}'

    Ask it `repeat 50 words` for an answer of known length. Its own bill: GET /_stand_in/bill. Faults: POST
    /_stand_in/faults {"status": 503, "rate": 0.5}; also retryAfter, delayMs, cutAfterChunks, gzip, resetRate, garbage,
    models; {} ends them. Forget everything: POST /_stand_in/reset.
    """
    if fd is None:
        require_free(host, port, purpose="for the stand-in", option="another --port")
    # Loads the tokenizer and the web server: not before they are needed, so that --help stays quick.
    import uvloop

    from costward_cli.stand_in.knowledge import read_labels
    from costward_cli.stand_in.serve import new_stand_in, server

    known = read_labels(labels) if labels is not None else {}
    listener = socket.socket(fileno=fd) if fd is not None else listen(host, port)
    address, bound = listener.getsockname()[:2]
    url = f"http://{address}:{bound}"
    typer.echo(f"stand-in provider: OPENAI_BASE_URL={url}/v1 ANTHROPIC_BASE_URL={url}", err=True)
    uvloop.run(server(new_stand_in(known, chunk_ms=chunk_ms, require_key=require_key)).serve(sockets=[listener]))

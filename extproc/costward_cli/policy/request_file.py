"""A request as a person has it in a file, for an account of what a policy would do to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from costward_extproc.core.spending import BYTES_PER_TOKEN
from costward_extproc.dialects.registry import endpoint_of
from costward_extproc.dialects.strict_json import Unreadable

from costward_cli.policy.account import Asking
from costward_cli.problems import CliError


def read_request(asking: Asking, file: Path, path: str) -> Asking:
    """`asking` with the model, the tools and the length of the request in `file`, a JSON body as it is sent to `path`.

    Tokens are estimated by length: counting them needs the data plane's tokenizer. Raises CliError.
    """
    endpoint = endpoint_of("POST", path)
    if endpoint is None or endpoint.dialect is None:
        raise CliError(f"--path {path[:80]!r} is no endpoint that Costward reads", mend="such as /v1/chat/completions")
    try:
        asked = endpoint.dialect.read_request(file.read_bytes(), endpoint.model)
    except OSError as error:
        raise CliError(f"{file} cannot be read: {error}", mend="give the file of a request's body") from error
    except Unreadable as problem:
        raise CliError(
            f"{file} is no request of {endpoint.dialect.name}: {problem.reason}",
            mend="give the JSON body, and --path where it is not a chat completion",
        ) from problem
    tokens = len(endpoint.dialect.prompt_text(asked).encode()) // BYTES_PER_TOKEN + 1 + asked.flat_tokens
    return replace(asking, model=asked.model, tools=asked.agent_turn, prompt_tokens=tokens)

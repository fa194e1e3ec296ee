"""Each dialect's requests: whatever is read can be counted, hashed and rewritten, and only named bytes change."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from costward_extproc.dialects.base import Asked, Dialect
from costward_extproc.dialects.registry import GOVERNED
from costward_extproc.dialects.strict_json import Unreadable

from tests.fuzz.inputs import changed_often, odd_json
from tests.fuzz.seeds import OF_DIALECT, plain
from tests.fuzz.target import Target
from tests.fuzz.targets_json import TOKENS, members

DIALECTS: dict[str, Dialect] = {
    endpoint.dialect.name: endpoint.dialect for endpoint in GOVERNED.values() if endpoint.dialect is not None
}
"""All that some endpoint speaks, by name."""

OTHER = "another-model \u00e9"
_OPTIONS = "stream_options"


def check(dialect: Dialect, body: bytes) -> None:
    for model in (None, "in-path"):
        try:
            asked = dialect.read_request(body, model)
        except Unreadable:
            continue
        _counted(dialect, asked)
        _hashed(dialect, asked)
        _renamed(dialect, asked)
        _asked_for_usage(dialect, asked)


def _counted(dialect: Dialect, asked: Asked) -> None:
    assert isinstance(dialect.prompt_text(asked), str)
    assert asked.model
    assert asked.model.encode()
    assert asked.flat_tokens >= 0
    assert asked.max_output is None or asked.max_output >= 0
    assert asked.choices >= 1
    assert asked.last_user_text is None or asked.last_user_text


def _hashed(dialect: Dialect, asked: Asked) -> None:
    context, opening = dialect.context(asked), dialect.opening(asked)
    try:
        backwards = json.dumps(_backwards(asked.document), allow_nan=False).encode()
    except ValueError:
        # 1e999 is read as infinity, which JSON cannot say again.
        return
    again = dialect.read_request(backwards, None if asked.pinned != "model-in-path" else asked.model)
    assert (dialect.context(again), dialect.opening(again)) == (context, opening), "the order of members tells"
    assert again.last_user_text == asked.last_user_text


def _backwards(value: Any) -> Any:
    """Equal, with the members of every object in another order."""
    if isinstance(value, dict):
        return {name: _backwards(value[name]) for name in reversed(list(value))}
    return [_backwards(item) for item in value] if isinstance(value, list) else value


def _renamed(dialect: Dialect, asked: Asked) -> None:
    if asked.pinned == "model-in-path":
        return
    body = dialect.rewrite(asked, OTHER, False)
    assert json.loads(body) == {**asked.document, "model": OTHER}
    start, end = members(asked.body)["model"]
    before, after = asked.body[:start], asked.body[end:]
    assert body.startswith(before), "a byte before the model changed"
    assert body.endswith(after), "a byte after the model changed"
    assert len(body) - len(before) - len(after) == len(json.dumps(OTHER))


def _asked_for_usage(dialect: Dialect, asked: Asked) -> None:
    assert dialect.rewrite(asked, None, False) == asked.body
    if asked.include_usage or not asked.stream:
        return
    body = dialect.rewrite(asked, None, True)
    options = asked.document.get(_OPTIONS)
    if options is not None and not isinstance(options, dict):
        assert body == asked.body, "what the provider refuses is not ours to mend"
        return
    assert json.loads(body) == {**asked.document, _OPTIONS: {**(options or {}), "include_usage": True}}
    if _OPTIONS in asked.document:
        start, end = members(asked.body)[_OPTIONS]
        assert body.startswith(asked.body[:start])
        assert body.endswith(asked.body[end:])
    else:
        assert body.replace(b'"stream_options":{"include_usage":true},', b"", 1) == asked.body


def _target(dialect: Dialect) -> Target:
    documents = OF_DIALECT[dialect.name].requests
    seeds = tuple(map(plain, documents))
    return Target(
        f"{dialect.name}-request",
        partial(check, dialect),
        changed_often(odd_json(documents), seeds, TOKENS),
        seeds,
    )


TARGETS = tuple(map(_target, DIALECTS.values()))

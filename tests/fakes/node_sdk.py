"""The official SDKs for Node.js as a test's client: second implementations that read what Costward answers."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.setup_node import TARGET, Installed, install

SCRIPTS = Path(__file__).resolve().parent.parent / "integration" / "node"

CALL_TIMEOUT_S = 30.0
"""Node starts in 0.2 s and the SDK backs off up to 8 s over its two retries; the rest is for a busy machine."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the SDK made of one answer."""

    text: str | None
    chunks: int
    status: int | None
    headers: dict[str, str]
    """Costward's and the caching ones, by lower-case name."""
    retries: int
    error: dict[str, Any] | None
    finish: str | None = None
    model: str | None = None
    usage: dict[str, Any] | None = None
    choiceless: int = 0
    """Chunks without a choice: the usage chunk of a stream that asked for it."""
    tools: list[dict[str, str]] = field(default_factory=list)
    """Name and arguments of each call."""


@dataclass(frozen=True, slots=True)
class NodeSdk:
    """The installed SDKs, pointed at one base URL each. Their calls block: use asyncio.to_thread beside a running
    server."""

    installed: Installed
    openai_url: str
    anthropic_url: str = ""

    def chat(
        self,
        text: str,
        *,
        model: str = "gpt-5-mini",
        system: str | None = None,
        stream: bool = False,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> Reply:
        """`more`: further members of the body; a None takes one away. A stream asks for its usage unless
        `{"stream_options": None}`."""
        words = ["--text", text, "--model", model]
        words += ["--system", system] if system else []
        words += ["--stream"] if stream else []
        words += ["--more", json.dumps(more)] if more else []
        for name, value in (headers or {}).items():
            words += ["--header", f"{name}={value}"]
        return Reply(**self.told("chat.mjs", words))

    def message(
        self,
        text: str,
        *,
        model: str = "claude-haiku-4-5",
        stream: bool = False,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> Reply:
        """By Anthropic's SDK. `more`: further members of the body."""
        words = ["--text", text, "--model", model, "--more", json.dumps(more or {})]
        words += ["--stream"] if stream else []
        for name, value in (headers or {}).items():
            words += ["--header", f"{name}={value}"]
        return Reply(**self.told("messages.mjs", words))

    def told(self, script: str, words: list[str]) -> dict[str, Any]:
        """What one of the scripts prints."""
        urls = {"OPENAI_BASE_URL": self.openai_url, "ANTHROPIC_BASE_URL": self.anthropic_url}
        keys = {"OPENAI_API_KEY": "sk-test", "ANTHROPIC_API_KEY": "sk-ant-test"}
        done = subprocess.run(
            [self.installed.node, str(SCRIPTS / script), *words],
            env={**os.environ, **urls, **keys, "COSTWARD_NODE_DIR": str(TARGET)},
            capture_output=True,
            text=True,
            timeout=CALL_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"{script} ended with {done.returncode}:\n{done.stderr}")
        printed: dict[str, Any] = json.loads(done.stdout)
        return printed


def node_sdk(openai_url: str, anthropic_url: str = "") -> NodeSdk:
    """The SDKs for these base URLs (OpenAI's ends in /v1), installing them first where `make setup` has not. Raises
    NodeSetupError."""
    return NodeSdk(install(), openai_url, anthropic_url)

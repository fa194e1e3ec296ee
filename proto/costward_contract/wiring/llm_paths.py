"""Which requests are LLM exchanges. Everything else passes the proxy without a single message to the data plane."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LlmPath:
    dialect: str
    path: str
    """Below the provider's base path, without `/v1`: `/chat/completions`."""
    method: str = "POST"


LLM_PATHS: tuple[LlmPath, ...] = (LlmPath(dialect="openai.chat", path="/chat/completions"),)
"""A dialect that the data plane learns to read adds its row here."""

CLIENT_BASE_PATH = "/v1"
"""What callers put before the path, as every OpenAI-compatible SDK does."""

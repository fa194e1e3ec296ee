"""Where callers find a provider. Which of its paths are LLM calls is known to the data plane alone."""

from __future__ import annotations

CLIENT_BASE_PATH = "/v1"
"""What callers put before the path, as every OpenAI-compatible SDK does."""

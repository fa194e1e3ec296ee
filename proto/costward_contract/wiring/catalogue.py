"""Providers that a mesh is wired to by name, so that nobody has to look up hosts and base paths."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from costward_contract.wiring.llm_paths import CLIENT_BASE_PATH
from costward_contract.wiring.spec import WiringError

Dialect = Literal["openai.chat", "openai.responses", "openai.embeddings", "anthropic.messages"]

_OPENAI: tuple[Dialect, ...] = ("openai.chat", "openai.responses", "openai.embeddings")
_CHAT: tuple[Dialect, ...] = ("openai.chat",)
_CHAT_AND_EMBEDDINGS: tuple[Dialect, ...] = ("openai.chat", "openai.embeddings")

_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
"""Names a Service: a DNS label that begins with a letter, short enough for what is put around it (63 characters)."""
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")
_BASE = re.compile(r"(/[A-Za-z0-9._~-]+)+")


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider of models, as callers inside of a mesh reach it."""

    name: str
    """Names its alias Service: lower-case letters, digits and `-`, 40 at most."""
    host: str
    """The DNS name that its certificate holds. A mesh resolves it, so a pattern with `*` cannot stand here."""
    dialects: tuple[Dialect, ...] = _CHAT
    base_path: str = CLIENT_BASE_PATH
    """What stands before `/chat/completions` there, without a closing slash. Callers of the alias write `/v1`."""
    port: int = 443
    tls: bool = True
    """Whether the mesh originates TLS; without it the port is asked in clear, for models inside of the cluster."""


CATALOGUE: tuple[Provider, ...] = (
    Provider("openai", "api.openai.com", _OPENAI),
    Provider("anthropic", "api.anthropic.com", ("anthropic.messages",)),
    Provider("mistral", "api.mistral.ai", _CHAT_AND_EMBEDDINGS),
    Provider("deepseek", "api.deepseek.com"),
    Provider("xai", "api.x.ai", ("openai.chat", "openai.responses")),
    Provider("groq", "api.groq.com", _CHAT, "/openai/v1"),
    Provider("together", "api.together.xyz", _CHAT_AND_EMBEDDINGS),
    Provider("openrouter", "openrouter.ai", _CHAT, "/api/v1"),
    Provider("fireworks", "api.fireworks.ai", _CHAT_AND_EMBEDDINGS, "/inference/v1"),
    Provider("cerebras", "api.cerebras.ai"),
    Provider("nvidia", "integrate.api.nvidia.com", _CHAT_AND_EMBEDDINGS),
    Provider("gemini", "generativelanguage.googleapis.com", _CHAT_AND_EMBEDDINGS, "/v1beta/openai"),
)
"""Hosts and base paths as the providers' own pages on their OpenAI-compatible (or Anthropic's own) API give them."""

AZURE_HOST = "{resource}.openai.azure.com"


def azure_openai(resource: str, name: str = "azure-openai") -> Provider:
    """Azure OpenAI has a host for each resource, so it is no row of the catalogue. `resource`: its name in Azure."""
    return Provider(name, AZURE_HOST.format(resource=resource), _OPENAI, "/openai/v1")


def named(names: Iterable[str], more: Iterable[Provider] = ()) -> tuple[Provider, ...]:
    """The providers of these names, in this order; one of `more` replaces a row of the catalogue.

    Raises WiringError naming each that nobody knows.
    """
    known = {provider.name: provider for provider in (*CATALOGUE, *more)}
    wanted = list(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise WiringError(
            [
                f"no provider is called {name!r}: choose of {', '.join(sorted(known))}, or give one with its own URL"
                for name in unknown
            ]
        )
    return tuple(known[name] for name in wanted)


def provider_problems(provider: Provider) -> list[str]:
    """Why this provider cannot be wired; empty if it can."""
    where = f"provider {provider.name!r}"
    problems = []
    if not _LABEL.fullmatch(provider.name):
        problems.append(f"{where}: a name is a DNS label of at most 40 characters, such as openai")
    if not _HOST.fullmatch(provider.host):
        problems.append(f"{where}: host {provider.host!r} is no DNS name in lower case, such as api.openai.com")
    if not _BASE.fullmatch(provider.base_path):
        problems.append(
            f"{where}: base path {provider.base_path!r} is not like /v1: not empty, no closing slash, no query"
        )
    if not 0 < provider.port < 65_536:
        problems.append(f"{where}: port {provider.port} is none: 1 to 65535")
    if not provider.dialects:
        problems.append(f"{where}: it speaks no dialect; OpenAI-compatible ones speak openai.chat")
    return problems

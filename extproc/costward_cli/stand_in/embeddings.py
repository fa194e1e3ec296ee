"""`/v1/embeddings` of the stand-in: vectors that are equal for equal texts, and mean nothing."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from costward_cli.stand_in.chat import ApiError

_DIMENSIONS = 1_536
"""As `text-embedding-3-small` gives by default."""


@dataclass(frozen=True, slots=True)
class EmbeddingsRequest:
    model: str
    elements: tuple[str | list[int], ...]
    dimensions: int
    base64: bool


def parse(body: bytes) -> EmbeddingsRequest:
    """Raises ApiError."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ApiError(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("model"), str):
        raise ApiError(400, "you must provide a model parameter", param="model")
    dimensions = asked.get("dimensions", _DIMENSIONS)
    if not isinstance(dimensions, int) or not 1 <= dimensions <= 3_072:
        raise ApiError(400, "Invalid 'dimensions': expected an integer from 1 to 3072.", param="dimensions")
    return EmbeddingsRequest(
        asked["model"], _elements(asked.get("input")), dimensions, asked.get("encoding_format") == "base64"
    )


def _elements(given: object) -> tuple[str | list[int], ...]:
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, list) or not given:
        raise ApiError(400, "Missing required parameter: 'input'.", param="input", code="missing_required_parameter")
    return (given,) if isinstance(given[0], int) else tuple(given)


def body(asked: EmbeddingsRequest, tokens: int) -> bytes:
    rows = [
        {"object": "embedding", "index": index, "embedding": _vector(element, asked)}
        for index, element in enumerate(asked.elements)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return orjson.dumps({"object": "list", "data": rows, "model": asked.model, "usage": usage})


def _vector(element: str | list[int], asked: EmbeddingsRequest) -> Any:
    seed = hashlib.sha256(orjson.dumps([asked.model, element])).digest()
    vector = np.random.default_rng(list(seed)).standard_normal(asked.dimensions).astype(np.float32)
    vector /= np.linalg.norm(vector)
    return base64.b64encode(vector.tobytes()).decode() if asked.base64 else vector.tolist()

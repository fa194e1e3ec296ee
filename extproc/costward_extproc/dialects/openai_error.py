"""Errors as OpenAI's endpoints write them; all of its dialects share one shape."""

from __future__ import annotations

import json
from collections.abc import Mapping

from costward_extproc.dialects.base import Rendered


def error(message: str, type: str, code: str, details: Mapping[str, object]) -> Rendered:
    """The four members that SDKs require, and ours under `details`."""
    told = {"message": message, "type": type, "param": None, "code": code, "details": dict(details)}
    return Rendered("application/json", json.dumps({"error": told}).encode())

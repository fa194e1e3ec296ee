"""How this process reaches the API server, and by whose right."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

REREAD_S = 60.0
"""The kubelet renews a token with a fifth of its life left, two minutes at least: a copy of a minute ago is good."""


@dataclass(slots=True)
class Access:
    server: str
    """Such as `https://10.0.0.1:443`; plain `http://` only makes sense on loopback."""
    token_file: Path
    ca_file: Path | None
    """None: the system's own certificate authorities."""
    clock: Callable[[], float]
    """Monotonic seconds."""
    _token: str = field(default="", repr=False)
    _read_at: float | None = None

    def token(self) -> str:
        """The bearer token, read from its file at most a minute ago. Raises OSError."""
        if self._read_at is None or self.clock() - self._read_at >= REREAD_S:
            self._token, self._read_at = self.token_file.read_text().strip(), self.clock()
        return self._token

    def distrust(self) -> None:
        """The API server did not take the token: read it anew next time."""
        self._read_at = None

    def tls(self) -> ssl.SSLContext | bool:
        """What aiohttp takes as `ssl`. Raises OSError for a CA file that cannot be read."""
        return ssl.create_default_context(cafile=str(self.ca_file)) if self.ca_file else True

"""Who a token is: asked of the API server once, and remembered for a while."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from costward_operator.delivery.planes import Account

REMEMBERED_S = 60.0
"""How long a withdrawn token still opens a new stream: a minute, as client-go's webhook authenticator remembers; data
planes that all come back after a restart of ours are asked about once each."""

MAX_TOKENS = 10_000
"""About a megabyte; a cluster has fewer data planes, and strangers' tokens must not fill the memory."""

Review = Callable[[str], Awaitable[Account | None]]
"""TokenReview for our audience: the account, or None where the token is not good. Raises OSError where the API server
cannot be asked."""


class Tokens:
    def __init__(self, review: Review, clock: Callable[[], float]) -> None:
        self._review = review
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Account | None]] = OrderedDict()

    async def account(self, token: str) -> Account | None:
        """None: nobody that we know. Raises OSError."""
        key = hashlib.sha256(token.encode()).digest()
        known = self._known.get(key)
        if known is not None and self._clock() - known[0] < REMEMBERED_S:
            return known[1]
        account = await self._review(token)
        self._known[key] = (self._clock(), account)
        self._known.move_to_end(key)
        while len(self._known) > MAX_TOKENS:
            self._known.popitem(last=False)
        return account

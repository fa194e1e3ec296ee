"""The API server is asked about a token once a minute, and an error of its is not remembered."""

import pytest
from costward_operator.delivery.planes import Account
from costward_operator.delivery.tokens import REMEMBERED_S, Tokens


class ApiServer:
    def __init__(self) -> None:
        self.asked = 0
        self.answer: Account | OSError | None = Account("ns", "sa")
        self.now = 0.0

    async def review(self, _token: str) -> Account | None:
        self.asked += 1
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


async def test_a_token_is_asked_about_once_a_minute() -> None:
    api = ApiServer()
    tokens = Tokens(api.review, lambda: api.now)
    assert [await tokens.account("t") for _ in range(3)] == [Account("ns", "sa")] * 3
    assert api.asked == 1
    api.now, api.answer = REMEMBERED_S, None
    assert await tokens.account("t") is None
    assert api.asked == 2


async def test_an_api_server_that_fails_is_asked_again() -> None:
    api = ApiServer()
    tokens = Tokens(api.review, lambda: api.now)
    api.answer = OSError("refused")
    with pytest.raises(OSError, match="refused"):
        await tokens.account("t")
    api.answer = Account("ns", "sa")
    assert await tokens.account("t") == Account("ns", "sa")

"""What is booked for responses, embeddings and Azure's deployments is what the provider bills."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.fakes.running_stack import policy, running_stack, until

pytestmark = pytest.mark.slow


async def test_the_books_and_the_bill_agree() -> None:
    async with running_stack(policy(cache='"Off"')) as stack:
        user = {"x-user-id": "ada"}
        base: Any = {"api_key": "k", "default_headers": user, "max_retries": 0}
        async with openai.AsyncOpenAI(base_url=stack.stack.base_url, **base) as sdk:
            await sdk.responses.create(model="gpt-5", input="repeat 200 words", reasoning={"effort": "low"})
            async with sdk.responses.stream(model="gpt-5-mini", input="repeat 90 words") as stream:
                assert (await stream.get_final_response()).output_text
            await sdk.embeddings.create(model="text-embedding-3-large", input=["one two three"] * 400)
            await sdk.embeddings.create(model="text-embedding-3-small", input=[list(range(900))])
        root = stack.stack.base_url.removesuffix("/v1")
        async with openai.AsyncAzureOpenAI(azure_endpoint=root, api_version="2024-10-21", **base) as azure:
            raw = await azure.chat.completions.with_raw_response.create(
                model="gpt-5", messages=[{"role": "user", "content": "repeat 70 words"}]
            )
        await until(lambda: len(stack.decisions) == 5, "five records")
        books, bill = await stack.settled(), await stack.bill()
        assert [record["dialect"] for record in stack.decisions.values()] == [
            "openai.responses",
            "openai.responses",
            "openai.embeddings",
            "openai.embeddings",
            "openai.chat",
        ]
        assert books.spent == bill["microUSD"] == sum(record["cost"] for record in stack.decisions.values()) > 0
        assert stack.decisions[raw.headers["x-costward-request-id"]]["asked_model"] == "gpt-5"


async def test_a_stream_that_the_caller_leaves_is_booked_for_what_came() -> None:
    async with running_stack(policy(cache='"Off"'), chunk_ms=5) as stack:
        body = {"model": "gpt-5", "input": "repeat 400 words", "stream": True}
        async with stack.client.stream("POST", "/responses", json=body, headers={"x-user-id": "ada"}) as response:
            seen = 0
            async for line in response.aiter_lines():
                seen += line.startswith("event: response.output_text.delta")
                if seen == 60:
                    break
        record = await stack.record(response)
        await until(lambda: stack.books().open == 0, "the settlement")
        billed = (await stack.bill())["models"]["gpt-5"]
        assert (record["end"], record["usage"]["estimated"]) == ("aborted", True)
        assert abs(record["usage"]["output"] - billed["outputTokens"]) <= 3

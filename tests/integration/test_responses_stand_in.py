"""The stand-in speaks OpenAI's responses and embeddings so that the official SDK takes it for the provider."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.fakes.running_stand_in import running_stand_in

WEATHER: Any = [{"type": "function", "name": "get_weather", "parameters": {"type": "object"}, "strict": False}]


async def test_answers_streams_tools_reasoning_and_stored_conversations() -> None:
    async with running_stand_in() as running, openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="k") as sdk:
        whole = await sdk.responses.create(model="gpt-5-mini", input="When are you open?", reasoning={"effort": "low"})
        assert "9 to 18" in whole.output_text
        assert [item.type for item in whole.output] == ["reasoning", "message"]
        assert whole.usage is not None
        assert whole.usage.output_tokens_details.reasoning_tokens == 12
        async with sdk.responses.stream(model="gpt-5-mini", input="repeat 5 words") as stream:
            kinds = [event.type async for event in stream]
            final = await stream.get_final_response()
        assert final.output_text == "word word word word word"
        assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
        called = await sdk.responses.create(model="gpt-5-mini", input="Will it rain today?", tools=WEATHER)
        assert [item.type for item in called.output] == ["function_call"]
        again = await sdk.responses.create(
            model="gpt-5-mini", input="When are you open?", previous_response_id=whole.id
        )
        assert "context" in again.output_text
        assert (await sdk.responses.retrieve(whole.id)).output_text == whole.output_text
        cut = await sdk.responses.create(model="gpt-5-mini", input="repeat 50 words", max_output_tokens=16)
        assert (cut.status, cut.incomplete_details and cut.incomplete_details.reason) == (
            "incomplete",
            "max_output_tokens",
        )
        with pytest.raises(openai.BadRequestError):
            await sdk.responses.create(model="gpt-5-mini", input="Hi", previous_response_id="resp_nope")


async def test_equal_texts_have_equal_vectors_in_both_encodings() -> None:
    async with running_stand_in() as running, openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="k") as sdk:
        model = "text-embedding-3-small"
        given = await sdk.embeddings.create(model=model, input=["a", "b", "a"], dimensions=8)
        floats = await sdk.embeddings.create(model=model, input="a", dimensions=8, encoding_format="float")
        tokens = await sdk.embeddings.create(model=model, input=[[1, 2, 3], [4]])
        first, second, third = (row.embedding for row in given.data)
        assert first == third != second
        assert first == pytest.approx(floats.data[0].embedding)
        assert (given.usage.prompt_tokens, tokens.usage.prompt_tokens, len(tokens.data[0].embedding)) == (3, 4, 1_536)

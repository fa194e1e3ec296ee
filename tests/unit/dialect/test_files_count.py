"""Files, sounds and screenshots count as input: no text shows them, and the provider charges for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from costward_extproc.dialects.openai_chat import OpenAIChat
from costward_extproc.dialects.openai_responses import OpenAIResponses

DATA = "A" * 3_000_000
PAGES = 3_000 * (len(DATA) // 65_536 + 1)
SCREENSHOT = {"type": "computer_screenshot", "image_url": "data:image/png;base64,AA"}


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        ({"type": "file", "file": {"file_data": DATA}}, PAGES),
        ({"type": "file", "file": {"file_id": "file-1"}}, 3_000),
        ({"type": "input_audio", "input_audio": {"format": "wav", "data": DATA}}, PAGES),
        ({"type": "file", "file": 7}, 0),
        ({"type": ["file"]}, 0),
    ],
)
def test_a_file_or_a_sound_in_a_chat(part: dict[str, Any], tokens: int) -> None:
    body = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": [part]}]}).encode()
    assert OpenAIChat().read_request(body).flat_tokens == 7 + tokens


@pytest.mark.parametrize(
    ("item", "tokens"),
    [
        ({"role": "user", "content": [{"type": "input_file", "file_data": DATA}]}, PAGES),
        ({"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}, 3_000),
        ({"type": "computer_call_output", "call_id": "c", "output": SCREENSHOT}, 1_105),
    ],
)
def test_a_file_or_a_screenshot_in_a_response_s_input(item: dict[str, Any], tokens: int) -> None:
    body = json.dumps({"model": "gpt-5", "input": [item]}).encode()
    assert OpenAIResponses().read_request(body).flat_tokens == 7 + tokens

"""The scripted provider's bill of what is given up: thinking comes first, and a cache that nobody saw is a matter of
chance."""

from __future__ import annotations

from costward_cli.stand_in.bill import Sale, price

from tests.fakes.mixed_answers import Part, Script
from tests.fakes.mixed_counting import Usage
from tests.fakes.mixed_provider import Request

SALE = Sale("gpt-5", 2_000, 8 + 64)
PARTS = (Part(b"role"), Part(b"first", " word word"), Part(b"second", " word" * 6))
CACHED = Usage(2_000, cached=1_000)


def test_a_stream_is_charged_its_thinking_with_its_first_word() -> None:
    script = Script(200, (), PARTS, stream=True, sale=SALE, hidden=64)
    sales = [script.sale_of(sent) for sent in (4, 8, 9, 14, 15)]
    assert [sale and sale.output for sale in sales] == [0, 0, 2 + 64, 2 + 64, 8 + 64]


def test_what_nobody_saw_is_expected_in_the_mean() -> None:
    whole, half = price(SALE), price(SALE._replace(cached=1_000))
    request = Request("/", [], b"", sale=SALE, told=False, cacheable=(Usage(2_000), CACHED))
    assert (request.charged, request.expected) == (whole, (whole + half) / 2)


def test_what_was_told_is_expected_as_it_was() -> None:
    request = Request("/", [], b"", sale=SALE, told=True, cacheable=(Usage(2_000), CACHED))
    assert request.expected == request.charged

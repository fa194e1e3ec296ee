"""Prices by the installed catalogue: exact integers, every name that the catalogue knows, never free."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from math import ceil
from typing import Any

import pytest
from costward_extproc.adapters import price_catalogue
from costward_extproc.adapters.price_catalogue import Provider, decode, load, read
from costward_extproc.adapters.prices import CataloguePrices, matches
from costward_extproc.core.money import Rates, Usage, cost
from genai_prices import Usage as LibraryUsage
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelPrice
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture(scope="session")
def catalogue() -> tuple[Provider, ...]:
    return decode(read(datetime.now(UTC)))


@pytest.fixture(scope="session")
def prices(catalogue: tuple[Provider, ...]) -> CataloguePrices:
    return CataloguePrices(catalogue=catalogue)


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        ("gpt-5-mini", Usage(1_000_000, 1_000_000)),
        ("gpt-5-mini-2025-08-07", Usage(12_345, 678, cached_input=9_000)),
        ("GPT-4o", Usage(999, 1)),
        ("gpt-5.4", Usage(272_000, 1_000)),
        ("gpt-5.4", Usage(272_001, 1_000, cached_input=200_000)),
        ("claude-sonnet-4-5-20250929", Usage(10_000, 500, cached_input=4_000, cache_write=5_000)),
        ("claude-sonnet-4-5", Usage(300_000, 500, cached_input=4_000, cache_write=5_000)),
        ("claude-sonnet-4-5", Usage(43_012, 7, cached_input=40_000, cache_write=3_000, cache_write_1h=2_000)),
        ("claude-sonnet-4-5", Usage(300_000, 7, cached_input=1_000, cache_write=3_000, cache_write_1h=3_000)),
        ("claude-opus-4-1", Usage(7, 3)),
    ],
)
def test_costs_are_the_librarys_rounded_up(prices: CataloguePrices, model: str, usage: Usage) -> None:
    theirs = calc_price(
        LibraryUsage(
            input_tokens=usage.input,
            output_tokens=usage.output,
            cache_read_tokens=usage.cached_input,
            cache_write_tokens=usage.cache_write,
            cache_write_1h_tokens=usage.cache_write_1h,
        ),
        model_ref=model,
    )
    quote = prices.quote(model)
    assert quote.source == "catalogue"
    exact = theirs.total_price * 1_000_000
    assert exact <= cost(usage, quote.rates) < exact + 1


def test_every_listed_model_is_found_as_the_library_finds_it(catalogue: tuple[Provider, ...]) -> None:
    snapshot = get_snapshot()
    names = [m.id.lower() for p in snapshot.providers for m in p.models]
    compared = 0
    for name in names:
        ours = next((p for p in catalogue if p.match is not None and matches(p.match, name)), None)
        model = next((m for m in ours.models if matches(m.match, name)), None) if ours else None
        try:
            provider, theirs = snapshot.find_provider_model(name, None, None, None)
        except LookupError:
            assert model is None
            continue
        if any(m is theirs for m in provider.models):
            assert ours is not None
            assert model is not None
            assert (ours.id, model.id) == (provider.id, theirs.id)
            compared += 1
    assert compared > 500


def test_rates_are_the_librarys_dollars(catalogue: tuple[Provider, ...]) -> None:
    by_id: dict[tuple[str, str], Any] = {(p.id, m.id): m for p in catalogue for m in p.models}
    for provider in get_snapshot().providers:
        for theirs in provider.models:
            rates = by_id[provider.id, theirs.id].rates
            if rates and isinstance(theirs.prices, ModelPrice) and isinstance(theirs.prices.input_mtok, Decimal):
                assert rates.input == ceil(theirs.prices.input_mtok * 1_000_000)


def test_nothing_is_free(catalogue: tuple[Provider, ...], prices: CataloguePrices) -> None:
    for provider in catalogue:
        for model in provider.models:
            rates = prices.quote(model.id).rates
            assert min(rates.input, rates.output) > 0, model.id


@given(name=st.text(max_size=400))
def test_no_name_is_free_or_fatal(prices: CataloguePrices, name: str) -> None:
    rates = prices.quote(name).rates
    assert min(rates.input, rates.output) > 0
    assert prices.quote(name) == prices.quote(name)


@pytest.mark.parametrize(
    ("unknown", "family"),
    [
        ("gpt-5.99-ultra", ["gpt-5", "gpt-5-pro", "gpt-5.5-pro"]),
        ("gpt-5-mini-next", ["gpt-5-mini"]),
        ("claude-sonnet-99", ["claude-sonnet-4-5", "claude-sonnet-5"]),
        ("claude-newname", ["claude-opus-4-1", "claude-haiku-4-5"]),
        ("some-model-of-ours", ["gpt-5-pro", "claude-opus-4-1", "o1-pro"]),
    ],
)
def test_an_unknown_model_costs_as_the_dearest_of_its_family(
    prices: CataloguePrices, unknown: str, family: list[str]
) -> None:
    quote = prices.quote(unknown)
    assert quote.source == "ceiling"
    usage = Usage(500_000, 10_000)
    assert cost(usage, quote.rates) >= max(cost(usage, prices.quote(model).rates) for model in family)


def test_a_family_is_not_the_whole_provider(prices: CataloguePrices) -> None:
    assert prices.quote("gpt-5-mini-next").rates.output < prices.quote("gpt-5-pro").rates.output


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("gpt-5-mini-2031-01-31", "gpt-5-mini"),
        ("claude-opus-4-1-20310131", "claude-opus-4-1"),
        ("openai/gpt-5-mini", "gpt-5-mini"),
        ("anthropic/claude-opus-4-1@20310131", "claude-opus-4-1"),
    ],
)
def test_dates_and_vendors_do_not_make_a_model_unknown(prices: CataloguePrices, name: str, listed: str) -> None:
    quote = prices.quote(name)
    assert (quote.source, quote.rates, quote.model) == ("catalogue", prices.quote(listed).rates, name)


def test_embeddings_are_listed_though_nobody_claims_their_names(prices: CataloguePrices) -> None:
    quote = prices.quote("text-embedding-3-small")
    assert (quote.source, quote.rates.input) == ("catalogue", 20_000)


def test_overrides_win(catalogue: tuple[Provider, ...]) -> None:
    negotiated = Rates(1, 2, 3, 4)
    prices = CataloguePrices({"gpt-5": negotiated}, catalogue)
    assert prices.quote("gpt-5").rates == negotiated
    assert prices.quote("gpt-5").source == "policy"
    assert prices.quote("gpt-5-mini").source == "catalogue"


def test_prices_follow_the_date_and_hours_cost_their_dearest() -> None:
    def rates(year: int, model: str, provider: str) -> Rates:
        found = decode(read(datetime(year, 1, 1, tzinfo=UTC)))
        return next(r for p in found if p.id == provider for m in p.models if m.id == model and (r := m.rates))

    assert rates(2025, "o3", "openai").input == 10_000_000
    assert rates(2026, "o3", "openai").input == 2_000_000
    assert rates(2025, "deepseek-chat", "deepseek").output == 1_100_000


@pytest.mark.slow
def test_loading_leaves_the_library_out_of_the_process() -> None:
    code = (
        "import sys; from costward_extproc.adapters.prices import CataloguePrices; "
        "print(CataloguePrices().quote('gpt-5-mini').rates.output); "
        "print([m for m in sys.modules if m.split('.')[0] in ('genai_prices', 'pydantic', 'httpx')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["2000000", "[]"]


def test_without_a_child_process_the_library_is_read_here(
    monkeypatch: pytest.MonkeyPatch, catalogue: tuple[Provider, ...], caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    # A library that configures logging in another test may have switched ours off.
    monkeypatch.setattr(price_catalogue.logger, "disabled", False)
    with caplog.at_level(logging.WARNING, logger=price_catalogue.logger.name):
        assert load() == catalogue
    assert "the child failed" in caplog.text


def test_a_child_that_hangs_is_not_waited_for(catalogue: tuple[Provider, ...]) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], stdout=subprocess.PIPE, text=True)
    assert load(child, seconds=0.1) == catalogue
    assert child.returncode == -signal.SIGKILL

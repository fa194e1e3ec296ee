"""Amounts as a policy writes them, turned into integers.

A policy writes money, shares and durations as quoted text, because YAML and JSON numbers are binary floats and a
budget must not depend on how `0.1` rounds. Each function takes text that matches its pattern and raises ValueError on
anything else; none of them rounds.
"""

from __future__ import annotations

import re

from costward_contract.snapshot import MicroUSD

# Nine digits before the point: up to a billion dollars, far below what an int64 of micro-dollars holds.
# Six behind it: a micro-dollar is the smallest amount that the ledger knows.
USD_PATTERN = r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?$"
# Four digits behind the point: a part per million is the smallest share that the snapshot knows.
PERCENT_PATTERN = r"^(0|[1-9][0-9]{0,2})(\.[0-9]{1,4})?%$"
# From 0.5: texts below that similarity are about different things, whatever the embedder.
SIMILARITY_PATTERN = r"^(0\.[5-9][0-9]{0,5}|1(\.0{1,6})?)$"
# The Kubernetes Gateway API's duration format (GEP-2257) without milliseconds, which no lifetime here needs.
DURATION_PATTERN = r"^([0-9]{1,5}[hms]){1,3}$"

_SECONDS = {"h": 3600, "m": 60, "s": 1}


def micro_usd(text: str) -> MicroUSD:
    """`"0.50"` dollars as 500_000 µ$. As a price per million tokens it is the rate in µ$ per million tokens."""
    return MicroUSD(_fixed_point(_matching(text, USD_PATTERN, "an amount in dollars"), digits=6))


def percent_ppm(text: str) -> int:
    """`"80%"` as 800_000 parts per million."""
    return _fixed_point(_matching(text, PERCENT_PATTERN, "a percentage").removesuffix("%"), digits=4)


def similarity_ppm(text: str) -> int:
    """`"0.95"` as 950_000 parts per million."""
    return _fixed_point(_matching(text, SIMILARITY_PATTERN, "a similarity"), digits=6)


def seconds(text: str) -> int:
    """`"1h30m"` as 5_400 seconds."""
    parts = re.findall(r"([0-9]+)([hms])", _matching(text, DURATION_PATTERN, "a duration"))
    return sum(int(count) * _SECONDS[unit] for count, unit in parts)


def _matching(text: str, pattern: str, what: str) -> str:
    if re.fullmatch(pattern, text, re.ASCII) is None:
        raise ValueError(f"not {what}")
    return text


def _fixed_point(text: str, digits: int) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(digits, "0"))

"""A run of one part of the comparison keeps what earlier runs told of the others."""

from __future__ import annotations

from tools.mixed import merged


def test_other_parts_are_kept_and_the_same_one_is_told_anew() -> None:
    earlier = {"cores": 1, "seed": 1, "hits": {"exchanges": 5}, "killed": {"kills": 3}}
    told = merged(earlier, {"killed": {"kills": 4}}, 2)
    assert (told["hits"], told["killed"], told["seed"]) == ({"exchanges": 5}, {"kills": 4}, 2)

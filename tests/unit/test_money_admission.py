"""The rule of caps: all charges or none, one alone where nothing else is reserved, an honest refusal."""

from __future__ import annotations

from costward_contract.snapshot import Cap, MicroUSD
from costward_extproc.core.admission import admit
from costward_extproc.core.ledger import Charge, Granted, Refused, Standing
from hypothesis import given
from hypothesis import strategies as st


def charge(limit: int, resets_at: int | None = 100, key: str = "k") -> Charge:
    return Charge(key, Cap(key, "User", "Day", MicroUSD(limit)), resets_at)


def stands(spent: int, reserved: int = 0) -> Standing:
    return Standing(MicroUSD(spent), MicroUSD(reserved))


def ask(amount: int, *charges: tuple[Charge, Standing]) -> Granted | Refused:
    return admit([c for c, _ in charges], [s for _, s in charges], MicroUSD(amount))


def test_fits_exactly() -> None:
    assert ask(30, (charge(100), stands(50, 20))) == Granted()


def test_one_micro_dollar_too_much_is_refused() -> None:
    tight = charge(100)
    assert ask(31, (tight, stands(50, 20))) == Refused(tight, stands(50, 20))


def test_nothing_else_reserved_admits_one_alone() -> None:
    assert ask(1_000, (charge(100), stands(99))) == Granted(alone=True)


def test_a_spent_cap_admits_nobody_alone() -> None:
    assert isinstance(ask(1_000, (charge(100), stands(100))), Refused)


def test_alone_must_hold_on_every_tight_cap() -> None:
    busy = charge(100, key="busy")
    assert ask(1_000, (charge(100), stands(1)), (busy, stands(1, 5))) == Refused(busy, stands(1, 5))


def test_reservations_on_a_roomy_cap_do_not_prevent_alone() -> None:
    assert ask(1_000, (charge(100), stands(1)), (charge(9_999), stands(1, 5))) == Granted(alone=True)


def test_no_caps_no_refusal() -> None:
    assert ask(10**15) == Granted()


def test_of_spent_caps_the_last_to_reset_is_named() -> None:
    soon, late, never = charge(1, 100, "soon"), charge(1, 900, "late"), charge(1, None, "never")
    assert ask(1, (late, stands(5)), (soon, stands(9))) == Refused(late, stands(5))
    assert ask(1, (late, stands(5)), (never, stands(1)), (soon, stands(9))) == Refused(never, stands(1))


def test_a_spent_cap_is_named_before_one_that_only_waits() -> None:
    spent, waiting = charge(10, 100, "spent"), charge(10, None, "waiting")
    assert ask(5, (waiting, stands(1, 9)), (spent, stands(10))) == Refused(spent, stands(10))


AMOUNTS = st.integers(0, 200)


@given(
    caps=st.lists(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS), max_size=4),
    amount=AMOUNTS,
)
def test_granted_only_within_the_limit_or_alone(caps: list[tuple[int, int, int]], amount: int) -> None:
    verdict = ask(amount, *((charge(limit), stands(spent, reserved)) for limit, spent, reserved in caps))
    over = [cap for cap in caps if cap[1] + cap[2] + amount > cap[0]]
    if verdict == Granted():
        assert not over
    elif verdict == Granted(alone=True):
        assert over
        assert all(reserved == 0 and spent < limit for limit, spent, reserved in over)
    else:
        assert isinstance(verdict, Refused)
        assert any((v.spent, v.reserved) == cap[1:] for cap in over for v in [verdict.standing])

"""What attempts tell each other survives the way, and nonsense is no ticket."""

from __future__ import annotations

import json

from costward_contract.snapshot import Cap, MicroUSD
from costward_extproc.core.ledger import Charge
from costward_extproc.core.tickets import Second, Splice, Ticket, Turn, Verdict, difference, spliced
from hypothesis import given
from hypothesis import strategies as st

AMOUNT = st.integers(0, 2**53).map(MicroUSD)
SPLICES = st.lists(st.builds(Splice, st.integers(0, 99), st.integers(0, 99), st.binary(max_size=9)), max_size=2).map(
    tuple
)
TURNS = st.none() | st.builds(Turn, st.text(max_size=9), AMOUNT, AMOUNT, SPLICES)
CAPS = st.builds(Cap, id=st.text(max_size=9), limit=AMOUNT)
CHARGES = st.builds(Charge, st.text(max_size=9), CAPS, st.none() | st.integers(0, 2**40))
TICKETS = st.builds(
    Ticket,
    charges=st.lists(CHARGES, max_size=2).map(tuple),
    second=st.builds(Second, TURNS, TURNS),
    size=st.integers(0, 99),
)


@given(TICKETS)
def test_a_ticket_is_read_as_it_was_written(ticket: Ticket) -> None:
    assert Ticket.of(ticket.text()) == ticket


@given(st.text(max_size=50) | st.sampled_from(["{}", "[]", "null", '{"id":1}', '{"turn":"next","first":"x"}']))
def test_nonsense_is_none(text: str) -> None:
    assert Ticket.of(text) is None
    assert Verdict.of(text) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers(-(2**63), 2**63) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=4,
)
"""Whatever JSON can say; an infinite number is written as null and as 1e999."""


@given(TICKETS, st.data())
def test_any_value_in_any_place_makes_a_ticket_or_none(ticket: Ticket, data: st.DataObject) -> None:
    document = json.loads(ticket.text())
    document[data.draw(st.sampled_from(sorted(document)))] = data.draw(VALUES)
    for nested in filter(None, (document["next"], document["asSent"])):
        if isinstance(nested, list):
            nested[-1] = [[1, 2, data.draw(VALUES)], [data.draw(VALUES), 2, ""]]
    read = Ticket.of(json.dumps(document).replace("Infinity", "1e999"))
    assert read is None or Ticket.of(read.text()) == read


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_difference_makes_one_out_of_the_other(old: bytes, new: bytes) -> None:
    assert spliced(old, [difference(old, new)]) == new


@given(st.binary(max_size=300), st.integers(0, 300), st.binary(min_size=1, max_size=9))
def test_a_difference_is_no_longer_than_the_change(body: bytes, at: int, change: bytes) -> None:
    splice = difference(body[:at] + change + body[at:], body)
    assert splice.value == b""
    assert splice.end - splice.start == len(change)

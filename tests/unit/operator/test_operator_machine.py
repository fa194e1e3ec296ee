"""Store and reconcile against a cluster that changes at random, over a watch that drops, repeats, delays and restarts.

The oracle is the compiler on the whole of what the API server holds: after a LIST, and after events that were all
heard, the operator must have the same snapshot.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest
from costward_operator.core.objects import Seen, read
from costward_operator.core.reconcile import compile_seen
from costward_operator.core.store import Dirty, Listing, Store
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.fakes.apiserver_objects import policy, spec

pytestmark = pytest.mark.slow
NAMES = st.sampled_from(["a", "b"])
TOLD = st.sampled_from(["now", "now", "later", "never"])
SPECS = st.sampled_from([spec("x"), spec("y"), spec("y", "7"), {"owner": {"team": "z"}, "rubbish": 1}])


class Cluster:
    """What the API server holds, and the events on their way."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {}
        self.version = 10
        self.uids = 0
        self.events: list[tuple[Any, dict[str, Any]]] = []

    def write(self, type: str, body: dict[str, Any]) -> None:
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        self.events.append((type, copy.deepcopy(body)))

    def listing(self) -> Listing:
        objects = [found for body in self.held.values() if (found := read(body))]
        return Listing(objects, self.version)

    def objects(self) -> list[Seen]:
        return list(self.listing().objects)


def versions(objects: Sequence[Seen]) -> dict[str, int]:
    return {each.uid: each.version for each in objects}


def specs(objects: Sequence[Seen]) -> set[tuple[str, int]]:
    return {(each.uid, each.generation) for each in objects}


class OperatorMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.cluster, self.store = Cluster(), Store()
        self.pending: Listing | None = None
        """A LIST that was answered and is still being read, page by page."""
        self.lost = False
        """Whether an event was dropped that no LIST has made good."""
        self.compiled: Sequence[Seen] = ()

    @rule(name=NAMES, spec_=SPECS, told=TOLD)
    def create_or_update(self, name: str, spec_: dict[str, Any], told: str) -> None:
        body = self.cluster.held.get(name)
        if body is None:
            self.cluster.uids += 1
            self.cluster.held[name] = policy(name, uid=f"u{self.cluster.uids}", spec_=copy.deepcopy(spec_))
            self.cluster.write("ADDED", self.cluster.held[name])
        elif body["spec"] != spec_:
            body["spec"] = copy.deepcopy(spec_)
            body["metadata"]["generation"] += 1
            self.cluster.write("MODIFIED", body)
        self.tell(told)

    @rule(name=NAMES, word=st.sampled_from(["x", "y"]))
    def write_status(self, name: str, word: str) -> None:
        body = self.cluster.held.get(name)
        if body is not None:
            body["status"] = {"word": word}
            self.cluster.write("MODIFIED", body)

    @rule(name=NAMES, told=TOLD)
    def delete(self, name: str, told: str) -> None:
        body = self.cluster.held.pop(name, None)
        if body is not None:
            self.cluster.write("DELETED", body)
        self.tell(told)

    def tell(self, told: str) -> None:
        """Never: the watch breaks, and what it held is compacted away without a word."""
        if told == "never":
            self.lost = self.lost or bool(self.cluster.events)
            self.cluster.events.clear()
        while told == "now" and self.cluster.events:
            self.hear(False)

    @rule(repeated=st.booleans())
    def hear(self, repeated: bool) -> None:
        if not self.cluster.events:
            return
        type, body = self.cluster.events.pop(0)
        for _ in range(1 + repeated):
            self.store.apply(type, body)

    @rule()
    def watch_lists_again(self) -> None:
        """What kopf does after 410: every present object again, and no word of those that are gone."""
        self.lost = self.lost or bool(self.cluster.events)
        self.cluster.events.clear()
        for body in self.cluster.held.values():
            self.store.apply("ADDED", copy.deepcopy(body))

    @rule()
    def begin_list(self) -> None:
        self.pending = self.cluster.listing()
        self.lost = False

    @precondition(lambda self: self.pending is not None)
    @rule()
    def end_list(self) -> None:
        assert self.pending is not None
        self.store.replace(self.pending)
        self.pending = None

    @rule()
    def restart(self) -> None:
        self.store, self.pending, self.lost = Store(), None, True
        self.compiled = ()

    @invariant()
    def every_change_is_compiled(self) -> None:
        if Dirty.SPEC in self.store.take_dirty():
            self.compiled = self.store.objects()
        assert specs(self.compiled) == specs(self.store.objects())

    @invariant()
    def nothing_is_missing_or_left_over(self) -> None:
        if not self.cluster.events and self.pending is None and not self.lost and self.store.complete:
            assert versions(self.store.objects()) == versions(self.cluster.objects())

    @invariant()
    def a_name_holds_one_object(self) -> None:
        names = [each.name for each in self.store.objects()]
        assert len(names) == len(set(names))

    def teardown(self) -> None:
        """Whatever happened: one LIST later all is right."""
        self.store.replace(self.cluster.listing())
        self.every_change_is_compiled()
        assert versions(self.store.objects()) == versions(self.cluster.objects())
        assert compile_seen(self.compiled).snapshot == compile_seen(self.cluster.objects()).snapshot


TestOperatorMachine = OperatorMachine.TestCase
# 250 runs of 30 steps: six of the store's eight rules, taken out, were found by it. The other two (events from before a
# list, a restored API server) make good what later events would mend too, and have cases of their own.
TestOperatorMachine.settings = settings(max_examples=250, stateful_step_count=30, deadline=None)

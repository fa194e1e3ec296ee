"""An entry knows the rung that made it and is not served where a higher one would be used."""

from __future__ import annotations

from costward_contract.snapshot import Alias, LadderStep, RoutingPolicy, RoutingRule, When

from tests.fakes.world import World, chat, completion, policy, tier

DEGRADES = LadderStep(500_000, "UseModel", rung="small")
BOTH = Alias("auto", ("small", "large"))


def _world() -> World:
    return World.of(policy(tiers=(tier(1_000_000, DEGRADES),)))


def test_a_degraded_answer_is_not_served_once_the_cap_is_fresh() -> None:
    world = _world()
    world.already_spent = 500_000
    assert world.ask(chat(), answer=completion(model="gpt-5-mini")).record.decision == "degrade"
    world.already_spent = 0
    run = world.ask(chat())
    assert run.upstream is not None
    assert run.record.served_model == "gpt-5-2025-08-07"


def test_a_degraded_answer_is_served_to_the_degraded() -> None:
    world = _world()
    world.already_spent = 500_000
    world.ask(chat(), answer=completion(model="gpt-5-mini"))
    hit = world.ask(chat())
    assert hit.record.decision == "hit-exact"
    assert hit.headers["x-costward-model"] == "gpt-5-mini"


def test_a_better_answer_is_served_to_the_degraded() -> None:
    world = _world()
    world.ask(chat())
    world.already_spent = 500_000
    hit = world.ask(chat())
    assert hit.record.decision == "hit-exact"
    assert hit.headers["x-costward-model"] == "gpt-5-2025-08-07"


def test_what_a_rule_sent_down_is_not_served_to_the_others() -> None:
    rule = RoutingRule(When(task_type="Classification"), "small")
    world = World.of(policy(aliases=(BOTH,), routing=RoutingPolicy("Enforce", False, (rule,))))
    world.ask(chat(model="auto"), {"x-costward-task-type": "Classification"}, completion(model="gpt-5-mini"))
    assert world.ask(chat(model="auto")).record.served_model == "gpt-5-2025-08-07"
    assert world.ask(chat(model="auto"), {"x-costward-task-type": "Classification"}).record.decision == "hit-exact"


def test_an_entry_of_a_rung_that_is_gone_is_not_served() -> None:
    world = World.of(policy())
    world.ask(chat())
    for place, entry in list(world.entries.items()):
        world.entries[place] = type(entry)(
            **{name: getattr(entry, name) for name in entry.__dataclass_fields__ if name != "rung"}, rung="retired"
        )
    assert world.ask(chat()).upstream is not None


def test_a_model_outside_the_ladder_is_cached_under_its_name() -> None:
    world = World.of(policy())
    world.ask(chat(model="gpt-4.1"), answer=completion(model="gpt-4.1"))
    assert world.ask(chat(model="gpt-4.1")).record.decision == "hit-exact"
    assert world.ask(chat(model="gpt-4.1-mini")).upstream is not None

"""A record of an ordinary exchange, to be changed by `dataclasses.replace` where a test means something by it."""

from __future__ import annotations

from costward_extproc.core.money import Usage
from costward_extproc.core.record import Attempt, CacheNote, Inputs, Record, RouteNote, Timings

ROUTED = Record(
    id="0123456789abcdef0123456789abcdef",
    at=1_800_000_000.5,
    cluster="local",
    workload="local/default/local",
    policy="default/support-bot",
    generation=3,
    snapshot="sha256:00",
    dialect="openai.chat",
    asked_model="gpt-5",
    served_model="gpt-5-mini",
    rung="small",
    tenant="default",
    user="9f9f",
    tier="free",
    session=None,
    decision="route",
    reason="rule[0]",
    owner="support-platform",
    task=None,
    cache=CacheNote("miss", partition="p1"),
    route=RouteNote("rule[0]", "small", True),
    inputs=Inputs(tokens=20, messages=1, body_bytes=120),
    caps=(),
    attempts=(Attempt("gpt-5-mini", 200),),
    usage=Usage(input=20, output=50),
    price_source="catalogue",
    reserved=2_100,
    cost=104,
    baseline=358,
    end="complete",
    status=200,
    timings=Timings(decided=2.5, first_byte=40.0, ended=90.0),
)

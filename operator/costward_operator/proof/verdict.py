"""Evidence -> proof for each policy. Pure.

`Verified`: a data plane answered the reserved path through each gateway or waypoint, asked by the wiring that should be
there. `Configured`: istiod says that every proxy of this traffic has the filter. `Seen`: exchanges came in the last
minutes. `Unproven`: none of these, or one of them says no: a proxy that is seen to lack the filter outweighs exchanges
of a minute ago.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from costward_operator.core.delivery import Proof
from costward_operator.proof.evidence import Answer, Evidence, Path, ProxyView, Traffic

SEEN_S = 300.0
"""For so long an exchange proves the path of its workload: an app that asks every few minutes is seen all the time, and
a wiring that was lost is not believed in for longer than a person looks for a fault."""

_NAMED = 3
"""Proxies that a message names; of a namespace with hundreds the rest is a number."""


def prove(traffic: Traffic, evidence: Evidence) -> Proof:
    """The strongest thing that is known, unless something speaks against it."""
    against = _against(traffic, evidence)
    if against:
        return Proof("Unproven", against)
    verified = [path for path in evidence.paths if _is_verified(path, evidence)]
    if verified:
        return Proof("Verified", f"a data plane answered through {_listed(_called(path) for path in verified)}")
    configured = _configured(traffic, evidence)
    if configured:
        return Proof("Configured", f"istiod gave the filter to {_listed(one.name for one in configured)}")
    last = _last_seen(traffic, evidence)
    if last is not None:
        # No moment in it: a message that changes with each look would be written with each look.
        return Proof("Seen", f"exchanges of this traffic came within the last {SEEN_S / 60:g} minutes")
    return Proof("Unproven", _why_unknown(traffic, evidence))


def proofs_of(governed: Iterable[Traffic], evidence: Evidence) -> dict[str, Proof]:
    """`prove` for each, by `ref`. Thousands of policies in as many namespaces each look at their own part alone."""
    apart = _by_namespace(evidence)
    bare = replace(evidence, proxies=_shared(evidence), seen={})
    return {
        one.ref: prove(one, apart.get(next(iter(one.namespaces)), bare) if len(one.namespaces) == 1 else evidence)
        for one in governed
    }


def _by_namespace(evidence: Evidence) -> dict[str, Evidence]:
    """What a namespace's own traffic rests on, where there is something: its proxies, its exchanges, all gateways."""
    seen: dict[str, dict[tuple[str, str], float]] = {}
    for key, moment in evidence.seen.items():
        seen.setdefault(key[0], {})[key] = moment
    own: dict[str, list[ProxyView]] = {name: [] for name in seen}
    for proxy in evidence.proxies or ():
        if proxy.kind == "sidecar":
            own.setdefault(proxy.namespace, []).append(proxy)
    shared = _shared(evidence)
    return {
        name: replace(evidence, proxies=None if shared is None else (*proxies, *shared), seen=seen.get(name, {}))
        for name, proxies in own.items()
    }


def _shared(evidence: Evidence) -> tuple[ProxyView, ...] | None:
    if evidence.proxies is None:
        return None
    return tuple(proxy for proxy in evidence.proxies if proxy.kind != "sidecar")


def _against(traffic: Traffic, evidence: Evidence) -> str:
    """What shows that traffic goes by no data plane; empty: nothing does."""
    for path in evidence.paths:
        answer = evidence.answers.get(path)
        if answer is not None and answer.hash != path.hash:
            return _wrong_answer(path, answer)
    for path, proxy in _carriers(traffic, evidence):
        fault = _fault(path, proxy)
        if fault:
            return fault
    return ""


def _wrong_answer(path: Path, answer: Answer) -> str:
    if answer.hash:
        return f"{_called(path)} runs wiring {answer.hash} and not {path.hash}: is its EnvoyFilter applied?"
    mend = "look at its EnvoyFilter and at istiod's log"
    return f"{_called(path)} does not ask a data plane ({answer.problem or 'something else answered'}): {mend}"


def _fault(path: Path, proxy: ProxyView) -> str:
    """Why this proxy does not carry the wiring; empty if it does."""
    if proxy.hash is None:
        return f"the proxy {proxy.name} has no filter of Costward: look at its EnvoyFilter and at istiod's log"
    if proxy.hash != path.hash:
        return f"the proxy {proxy.name} runs wiring {proxy.hash} and not {path.hash}"
    if not proxy.has_data_plane:
        mend = "list the data plane's host in the namespace's Sidecar resource"
        return f"the proxy {proxy.name} has no cluster of data planes, so calls pass unseen: {mend}"
    missing = sorted(path.hosts - proxy.hosts)
    if missing:
        return f"the proxy {proxy.name} does not send {_listed(missing)} by the data plane"
    if proxy.rejected:
        return f"the proxy {proxy.name} rejects what istiod sends it: {proxy.rejected}"
    return ""


def _carriers(traffic: Traffic, evidence: Evidence) -> list[tuple[Path, ProxyView]]:
    """The proxies that this traffic passes, each with the wiring that it should run."""
    return [
        (path, proxy) for path in evidence.paths for proxy in evidence.proxies or () if _carries(path, proxy, traffic)
    ]


def _carries(path: Path, proxy: ProxyView, traffic: Traffic) -> bool:
    if path.position == "sidecar":
        return proxy.kind == "sidecar" and traffic.is_of(proxy.namespace, proxy.service_account)
    wanted = "router" if path.position == "gateway" else "waypoint"
    return proxy.kind == wanted and proxy.namespace == path.namespace


def _configured(traffic: Traffic, evidence: Evidence) -> list[ProxyView]:
    return [proxy for _, proxy in _carriers(traffic, evidence)]


def _is_verified(path: Path, evidence: Evidence) -> bool:
    answer = evidence.answers.get(path)
    return answer is not None and answer.hash == path.hash


def _last_seen(traffic: Traffic, evidence: Evidence) -> float | None:
    moments = [
        moment for (namespace, account), moment in evidence.seen.items()
        if traffic.is_of(namespace, account) and evidence.at - moment <= SEEN_S
    ]  # fmt: skip
    return max(moments, default=None)


def _why_unknown(traffic: Traffic, evidence: Evidence) -> str:
    if not evidence.paths:
        return "no wiring is installed: no proxy asks a data plane"
    if evidence.proxies is None:
        return f"the proxies cannot be looked at: {evidence.problem or 'istiod was not asked'}"
    named = sorted(traffic.namespaces)
    whose = f"namespace{'s' * (len(named) > 1)} {_listed(named)}" if named else "the cluster"
    if traffic.service_accounts:
        whose = f"{_listed(sorted(traffic.service_accounts))} in {whose}"
    return f"istiod knows no proxy that carries traffic of {whose}"


def bypass_of(traffic: Traffic, evidence: Evidence) -> str:
    """How an app may reach a provider around its proxy's filter; empty: no way is known of."""
    mine = [proxy for proxy in evidence.proxies or () if traffic.is_of(proxy.namespace, proxy.service_account)]
    names = [proxy.name for proxy in mine if proxy.kind == "sidecar" and proxy.is_open]
    if not names:
        return ""
    mend = "outboundTrafficPolicy REGISTRY_ONLY and a NetworkPolicy close it"
    return f"{_listed(names)} may reach any host by a TLS connection of its own: {mend}"


def _called(path: Path) -> str:
    return f"the {path.position} {path.namespace}/{path.proxy}" if path.proxy else f"{path.position}s"


def _listed(names: Iterable[str]) -> str:
    every: Sequence[str] = sorted(set(names))
    more = len(every) - _NAMED
    return ", ".join(every[:_NAMED]) + (f" and {more} more" if more > 0 else "")

"""Objects that put the data plane into a proxy's path, as plain dicts. Pure: the caller writes or applies them."""

from __future__ import annotations

from costward_contract.wiring.bootstrap import envoy_bootstrap, wiring_hash
from costward_contract.wiring.ext_proc import ABILITIES
from costward_contract.wiring.spec import EnvoySpec, HopTls, Upstream, WiringError, failure_mode_allow

__all__ = [
    "ABILITIES",
    "EnvoySpec",
    "HopTls",
    "Upstream",
    "WiringError",
    "envoy_bootstrap",
    "failure_mode_allow",
    "wiring_hash",
]

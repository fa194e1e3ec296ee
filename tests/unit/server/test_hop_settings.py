"""A TCP port is served with mutual TLS or not at all, and what is missing is said at the start."""

from __future__ import annotations

from pathlib import Path

import pytest
from costward_extproc.errors import SettingsError
from costward_extproc.hop import Hop, hop_from
from costward_extproc.settings import Settings

BASE = {"COSTWARD_SOCKET": "/run/x.sock", "COSTWARD_POLICY_FILE": "/p.yaml", "COSTWARD_STATE_DIR": "/state"}
TLS = {
    "COSTWARD_LISTEN": "0.0.0.0:9443",
    "COSTWARD_TLS_CERTIFICATE": "/tls/tls.crt",
    "COSTWARD_TLS_KEY": "/tls/tls.key",
    "COSTWARD_TLS_CLIENT_CA": "/tls/ca.crt",
}


def test_there_is_no_port_unless_asked_for() -> None:
    assert Settings.from_env(BASE).hop is None


def test_it_is_read() -> None:
    files = (Path("/tls/tls.crt"), Path("/tls/tls.key"), Path("/tls/ca.crt"))
    assert Settings.from_env(BASE | TLS).hop == Hop("0.0.0.0:9443", *files)


@pytest.mark.parametrize("missing", [name for name in TLS if name != "COSTWARD_LISTEN"])
def test_a_port_without_mutual_tls_is_refused(missing: str) -> None:
    with pytest.raises(SettingsError, match=f"{missing} is not set: a port needs mutual TLS"):
        Settings.from_env(BASE | {name: value for name, value in TLS.items() if name != missing})


@pytest.mark.parametrize("address", ["9443", ":9443", "host:port", "host:99999"])
def test_an_address_that_is_none_is_said(address: str) -> None:
    problems: list[str] = []
    hop_from(TLS | {"COSTWARD_LISTEN": address}, problems)
    assert problems == [f"COSTWARD_LISTEN={address!r}: must be HOST:PORT"]


def test_certificates_without_a_port_are_a_mistake() -> None:
    with pytest.raises(SettingsError, match="COSTWARD_TLS_KEY is set and COSTWARD_LISTEN is not"):
        Settings.from_env(BASE | {"COSTWARD_TLS_KEY": "/tls/tls.key"})


def test_one_port_is_one_workers() -> None:
    with pytest.raises(SettingsError, match="COSTWARD_LISTEN is one port"):
        Settings.from_env(BASE | TLS | {"COSTWARD_WORKERS": "2"})

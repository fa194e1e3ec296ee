"""What the operator reads from its environment, and that `--help` tells of all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from costward_operator import __main__, settings
from costward_operator.delivery.planes import Account
from costward_operator.errors import SettingsError
from costward_operator.settings import DeliverySettings, Settings

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}


def test_a_pod_needs_to_say_nothing() -> None:
    made = Settings.from_env(POD)
    assert (made.server, made.cluster, made.group) == ("https://10.0.0.1:443", "default", "default")
    assert made.delivery == DeliverySettings()


def test_delivery_is_where_the_chart_says() -> None:
    made = Settings.from_env(
        {
            **POD,
            "COSTWARD_NAMESPACE": "money",
            "COSTWARD_POD_IP": "10.1.2.3",
            "COSTWARD_CLUSTER_NAME": "east",
            "COSTWARD_DELIVERY_LISTEN": "[::]:9000",
            "COSTWARD_DELIVERY_CERTIFICATE": "/tls/c.pem",
            "COSTWARD_DELIVERY_KEY": "/tls/k.pem",
            "COSTWARD_DELIVERY_AUDIENCE": "ours",
        }
    )
    assert made.group == "east"
    assert made.delivery == DeliverySettings(
        listen=("::", 9000),
        certificate=Path("/tls/c.pem"),
        key=Path("/tls/k.pem"),
        audience="ours",
        accounts=frozenset({Account("money", "costward-extproc")}),
        advertise="10.1.2.3:9000",
    )


def test_an_address_of_ipv6_is_advertised_in_brackets() -> None:
    made = Settings.from_env({**POD, "COSTWARD_POD_IP": "fd00::1"})
    assert made.delivery is not None
    assert made.delivery.advertise == "[fd00::1]:8443"


def test_several_accounts_may_get_everything() -> None:
    made = Settings.from_env({**POD, "COSTWARD_DELIVERY_ACCOUNTS": "a/b, c/d"})
    assert made.delivery is not None
    assert made.delivery.accounts == {Account("a", "b"), Account("c", "d")}


def test_delivery_can_be_off() -> None:
    assert Settings.from_env({**POD, "COSTWARD_DELIVERY_LISTEN": "off"}).delivery is None


def test_all_problems_are_told_at_once() -> None:
    wrong = {
        "COSTWARD_DELIVERY_LISTEN": "8443",
        "COSTWARD_DELIVERY_ACCOUNTS": "costward-extproc",
        "COSTWARD_DELIVERY_ADVERTISE": "here",
        "COSTWARD_KUBE_SERVER": "http://elsewhere",
    }
    with pytest.raises(SettingsError) as told:
        Settings.from_env(wrong)
    assert {problem.partition("=")[0] for problem in told.value.problems} == set(wrong)


def test_help_tells_of_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        __main__.main(["--help"])
    told = set(re.findall(r"^  (COSTWARD_\w+)", capsys.readouterr().out, re.MULTILINE))
    read = set(re.findall(r'"(COSTWARD_\w+)"', Path(settings.__file__).read_text()))
    assert told == read

"""A wiring that cannot work is refused with every reason, and without words that a URL should not have held."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from costward_contract.compiler import compile_policies
from costward_contract.parse import parse_documents
from costward_contract.wiring import EnvoySpec, HopTls, Upstream, WiringError, envoy_bootstrap, failure_mode_allow
from hypothesis import given
from hypothesis import strategies as st

SPEC = EnvoySpec(upstreams=(Upstream("a", "http://a"),), sockets=("/run/a.sock",))
SAMPLES = Path(__file__).resolve().parents[2] / "examples" / "policies"


def problems(spec: EnvoySpec) -> list[str]:
    with pytest.raises(WiringError) as raised:
        envoy_bootstrap(spec)
    return raised.value.problems


def test_all_problems_are_told_together() -> None:
    spec = EnvoySpec(upstreams=(), sockets=(), admin_port=1, admin_socket="/a")
    assert len(problems(spec)) == 3


@pytest.mark.parametrize("size", [107, 108])
def test_a_socket_path_may_have_107_bytes(size: int) -> None:
    spec = dataclasses.replace(SPEC, sockets=("/" + "x" * (size - 1),))
    if size == 107:
        assert envoy_bootstrap(spec)
    else:
        assert "108 bytes" in problems(spec)[0]


def test_bytes_count_and_not_letters() -> None:
    assert "choose a shorter run directory" in problems(dataclasses.replace(SPEC, sockets=("/" + "ä" * 54,)))[0]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.openai.com",
        "ftp://a",
        "http://",
        "http://a:port",
        "http://a b",
        "http://a:99999",
        "http://u:secret@a",
        "http://a/?k=secret",
    ],
)
def test_a_url_that_is_none_is_refused_without_its_secrets(url: str) -> None:
    told = "; ".join(problems(dataclasses.replace(SPEC, upstreams=(Upstream("a", url),))))
    assert "upstream 'a'" in told
    assert "secret" not in told


HOP = HopTls(certificate="/c", key="/k", ca="/a", server_name="costward")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sockets": (), "addresses": ("10.0.0.7:9443",)}, "TCP needs mutual TLS"),
        ({"hop_tls": HOP}, "TCP needs mutual TLS"),
        ({"addresses": ("10.0.0.7:9443",), "hop_tls": HOP}, "keep one kind"),
        ({"sockets": (), "addresses": ("10.0.0.7",), "hop_tls": HOP}, "is not host:port"),
    ],
)
def test_a_data_plane_over_tcp_needs_mutual_tls(change: dict[str, Any], words: str) -> None:
    assert words in "; ".join(problems(dataclasses.replace(SPEC, **change)))


def test_a_host_leads_to_one_provider() -> None:
    twice = (Upstream("a", "http://a", hosts=("llm",)), Upstream("b", "http://b", hosts=("llm",)))
    assert problems(dataclasses.replace(SPEC, upstreams=twice)) == [
        "host 'llm' is given 2 times: each may be used once"
    ]


@given(st.text(max_size=40), st.text(max_size=20))
def test_any_upstream_gives_a_bootstrap_or_reasons(url: str, name: str) -> None:
    try:
        bootstrap = envoy_bootstrap(dataclasses.replace(SPEC, upstreams=(Upstream(name, url),)))
    except WiringError as error:
        bootstrap = {"problems": error.problems}
    assert all(bootstrap.values())


def test_one_closed_policy_closes_the_proxy() -> None:
    text = (SAMPLES / "six-line.yaml").read_text()
    closed = text.replace("spec:", "spec:\n  failurePolicy: Closed").replace("six-line", "closed")
    (open_policy,) = compile_policies(parse_documents(text).policies)[0].policies
    (closed_policy,) = compile_policies(parse_documents(closed).policies)[0].policies
    assert failure_mode_allow([open_policy, open_policy])
    assert not failure_mode_allow([open_policy, closed_policy])

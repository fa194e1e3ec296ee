"""`costward policy explain`: what a policy does for one caller, as the data plane's own functions decide it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from costward_cli.main import app
from costward_cli.policies import compile_files
from costward_cli.policy.account import Account, Asking, Goes, account
from costward_cli.policy.words import amount, duration, why
from costward_extproc.core.identity import Workload
from costward_extproc.core.money import Quote, Rates
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
SUPPORT = ROOT / "examples" / "policies" / "support-bot.yaml"
SIX_LINE = ROOT / "examples" / "policies" / "six-line.yaml"
LOCAL = Workload("local", "default", "local")
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC).timestamp()

PRICED = """\
apiVersion: costward.dev/v1alpha1
kind: CostPolicy
metadata: {name: priced}
spec:
  owner: {team: t}
  models:
  - {name: small, model: mine, price: {inputPerMTokUSD: "0.10", outputPerMTokUSD: "0.40"}}
  - {name: large, model: gpt-5}
"""


def catalogue(model: str) -> Quote:
    return Quote(model, Rates(1_250_000, 10_000_000, 125_000, 1_250_000), "catalogue")


def explained(file: Path, asking: Asking) -> Account:
    told = account(compile_files([file]), asking, catalogue, NOON)
    assert told is not None
    return told


def test_the_tier_and_its_caps_are_the_callers() -> None:
    told = explained(SUPPORT, Asking(LOCAL, user="ada", tier="pro"))

    assert (told.tier, told.user_known, told.remarks) == ("pro", True, ())
    assert [(cap.cap, cap.limit, cap.began_at, cap.resets_at) for cap in told.caps] == [
        ("pro/User/Day", 10_000_000, "2026-03-31T00:00:00Z", "2026-04-01T00:00:00Z"),
        ("pro/User/Month", 100_000_000, "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"),
    ]


def test_steps_say_from_which_spend_they_hold() -> None:
    warn, use_model, message = explained(SUPPORT, Asking(LOCAL)).ladder

    assert (warn.action, warn.from_spend["free/User/Day"]) == ("Warn", 400_000)
    assert (use_model.rung, use_model.from_spend["free/Session/Lifetime"]) == ("small", 225_000)
    assert message.text is not None


def test_each_name_goes_where_plan_sends_it() -> None:
    goes = {(row.asked, row.step): (row.model, row.rule) for row in explained(SUPPORT, Asking(LOCAL)).goes}

    assert goes == {
        ("auto", None): ("gpt-5-mini", "rule[1]"),
        ("gpt-5-mini", None): ("gpt-5-mini", "rule[1]"),
        ("gpt-5", None): ("gpt-5", None),
        ("gpt-5", "from 90%"): ("gpt-5-mini", None),
    }


@pytest.mark.parametrize(
    ("asking", "model", "words"),
    [
        (Asking(LOCAL, model="auto", prompt_tokens=5_000), "gpt-5", "the highest rung of the alias; no rule holds"),
        (Asking(LOCAL, model="auto", tools=True, task_type="Classification"), "gpt-5-mini", "routing.rules[0]"),
        (Asking(LOCAL, model="o3"), "o3", "not a name of this policy"),
    ],
)
def test_the_request_decides_which_rule_holds(asking: Asking, model: str, words: str) -> None:
    first = explained(SUPPORT, asking).goes[0]

    assert first.model == model
    assert words in why(first)


def test_a_rule_that_is_only_observed_is_told_as_such() -> None:
    goes = Goes("auto", None, "gpt-5", "large", "rule[0]", "small", False, False, "gpt-5")

    assert why(goes) == "the highest rung of the alias; routing.rules[0] would choose small"


def test_a_user_from_an_untrusted_sender_does_not_count(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(SUPPORT.read_text().replace("serviceAccounts: [local]", "serviceAccounts: [local, batch]"))

    told = explained(policy, Asking(Workload("local", "default", "batch"), user="ada", tier="pro"))

    assert (told.user_known, told.tier, told.cache.has_place) == (False, "free", False)
    assert [remark.split(" in ")[0] for remark in told.remarks] == ["the user", "the tier"]


def test_an_unknown_tier_and_identities_that_nobody_reads_are_remarked() -> None:
    assert "there is no tier 'gold'" in explained(SUPPORT, Asking(LOCAL, tier="gold")).remarks[0]
    assert "reads no user" in explained(SIX_LINE, Asking(LOCAL, user="ada")).remarks[0]


def test_the_policys_own_price_goes_before_the_catalogue(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(PRICED)

    small, large = explained(policy, Asking(LOCAL)).prices

    assert (small.input, small.output, small.cached_input, small.source) == (100_000, 400_000, 100_000, "policy")
    assert (large.input, large.cached_input, large.source) == (1_250_000, 125_000, "catalogue")


def test_nobody_governs_another_namespace() -> None:
    asking = Asking(Workload("local", "elsewhere", "local"))

    assert account(compile_files([SUPPORT]), asking, catalogue, NOON) is None


def test_of_several_policies_the_first_governs() -> None:
    told = account(compile_files([SIX_LINE, SUPPORT]), Asking(LOCAL), catalogue, NOON)

    assert told is not None
    assert [(row.policy, row.selects, row.governs) for row in told.policies] == [
        ("default/support-bot", True, True),
        ("default/six-line", True, False),
    ]


def test_the_page_answers_in_words() -> None:
    result = CliRunner().invoke(app, ["policy", "explain", str(SUPPORT), "--user", "ada"], catch_exceptions=False)
    page = " ".join(result.stdout.replace("│", " ").split())

    for words in (
        "support-platform (#support-llm) answers for the money",
        "auto means small or large",
        "250,000 µ$ ($0.25)",
        "They are shared by one user's requests",
        "requests go on unchecked",
        "Endpoints that cannot be priced (batches, audio, WebSockets and the like) pass, counted.",
    ):
        assert words in page


def test_scripts_get_json_and_a_bad_workload_is_named() -> None:
    runner = CliRunner()
    line = ["policy", "explain", str(SIX_LINE), "--json"]

    assert '"policy": "default/six-line"' in runner.invoke(app, line, catch_exceptions=False).stdout
    assert "null" in runner.invoke(app, [*line, "--workload", "c/other/sa"], catch_exceptions=False).stdout
    with pytest.raises(Exception, match="CLUSTER/NAMESPACE/SERVICE-ACCOUNT"):
        runner.invoke(app, [*line, "--workload", "bot"], catch_exceptions=False)


@pytest.mark.parametrize(("micro_usd", "told"), [(500_000, "$0.50"), (2_000_000_000, "$2,000.00"), (150, "$0.00015")])
def test_amounts_have_no_idle_zeros(micro_usd: int, told: str) -> None:
    assert amount(micro_usd) == told


def test_durations_are_written_as_policies_write_them() -> None:
    assert [duration(seconds) for seconds in (86_400, 5_400, 1)] == ["24h", "1h30m", "1s"]

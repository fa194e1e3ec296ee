"""What several end-to-end files share: one `costward up`, because each start costs seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.running_up import RunningUp, running_up

SDK_POLICY = """\
apiVersion: costward.dev/v1alpha1
kind: CostPolicy
metadata: {name: sdk}
spec:
  owner: {team: support-platform, contact: "#support-llm"}
  models: [{name: small, model: gpt-5-mini}, {name: large, model: gpt-5}]
  aliases: {auto: small..large}
  identity:
    user: {header: x-user-id, trustedFrom: [local]}
    tier: {header: x-user-tier, default: pro, trustedFrom: [local]}
  tiers:
  - name: free                       # one short answer uses it up
    caps: [{per: User, window: Month, limitUSD: "0.0001"}]
    ladder: [{at: "100%", action: Message, text: "Your {tier} plan is used up until {resetsAt}."}]
  - name: pro
    caps: [{per: User, window: Month, limitUSD: "5"}]
  cache: {mode: Enforce, scope: User}
"""


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    """`costward up` with a free plan that one answer uses up, and a cache per user."""
    folder = tmp_path_factory.mktemp("up")
    policy = folder / "policy.yaml"
    policy.write_text(SDK_POLICY)
    with running_up(policy, folder / "state", "--model-dir", str(folder / "none")) as running:
        yield running

"""Write docs/policy.md, the reference of the policy's fields, from the model that reads them.

Descriptions, defaults and bounds stand in `costward_contract.policy`; only the prose around the tables is here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from costward_contract.cluster_policy import ClusterCostPolicy
from costward_contract.fields import FieldDoc, fields
from costward_contract.future import planned
from costward_contract.policy import CostPolicy
from costward_contract.rules import BY_COMPILER, PLACEHOLDERS
from pydantic import BaseModel

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "policy.md"
SMALLEST = ROOT / "examples" / "policies" / "six-line.yaml"

INTRODUCTION = """\
<!-- Written by tools/policy_reference.py from the policy model: change that, and run it. -->
# The policy

A `CostPolicy` says whose money is spent, by whom, on which models, up to which limit, and what Costward may do about
it. Files, the CLI and the operator read it through one strict parser, and the CRDs in `charts/costward/files/crds` are
made from the same model. This is a whole policy:
"""

WRITING = """\
Fuller ones are in [examples/policies](../examples/policies). The words are explained in [concepts.md](concepts.md).

## How it is written

- **All problems at once.** Each is told with its line, its path in the document, the value found and what is allowed.
  A policy with a problem is not taken; it harms no other policy.
- **Nothing is ignored.** Unknown fields, keys that are given twice and fields that cannot be honoured yet are errors.
  Only what Kubernetes itself writes is read past: `status` and the bookkeeping in `metadata`, so that what
  `kubectl get costpolicy -o yaml` prints can be loaded.
- **Amounts are quoted text**: `"0.50"`, `"80%"`. YAML would read them as binary floats, which cannot hold money.
- **`"Off"` needs its quotes**: a bare `Off` is a boolean to YAML.
- One file may hold several policies, divided by `---` or inside a `List`. Anchors work, merge keys (`<<`) do not.

## Which policy governs

The first one that selects a workload governs it alone. Policies are ordered by `priority`, highest first, then by age,
oldest first (those without a `creationTimestamp` last), then by namespace and name. Of two with the same namespace and
name the second is rejected as `Conflicted`.

## Fields

Paths use `[]` for an item of a list and `*` for a name of your choice. A dash is an optional field without a default.
"""

BY_THE_COMPILER = "\n".join(f"- `{name}`: {reason}." for name, reason in BY_COMPILER.items())

BETWEEN = f"""\
## What must hold between fields

- Rungs that `aliases`, `tiers[].ladder[].model` and `routing.rules[].use` name are in `models`. A range such as
  `small..large` follows the order of `models`. An alias differs from every rung and model.
- Names are given once: rungs, models, tiers, and the subject and window of a tier's caps.
- A tier that `identity.tier.default` names is in `tiers`; several tiers need `identity.tier`.
- `per: User` caps and `scope: User` need `identity.user`. `per: Session` needs nothing: without a session header the
  conversation itself tells the session. Session headers are believed from anyone, so a caller that changes its session
  evades such a cap: add one per user, workload or policy where callers are not trusted.
- Every cap has a `window`, except `per: Session`, which has none and lasts as long as the session. Limits are above
  zero.
- Ladder steps rise, and need caps. `UseModel` has a `model`, `Message` has a `text` and may have `as`; no other step
  has them.
- A text may hold these placeholders and no other braces: {" ".join(f"`{{{name}}}`" for name in PLACEHOLDERS)}.
- Headers of identities do not begin with `x-costward-`.
- `routing.fallback` needs two models; see [fallback.md](fallback.md).
- A rule has at least one condition, and `minPromptTokens` is not above `maxPromptTokens`.
- A `targetRefs` entry of kind `Namespace` names the policy's own namespace. `group` is empty for `Namespace` and
  `Service`, `networking.istio.io` for `ServiceEntry`, `gateway.networking.k8s.io` for `Gateway` and `HTTPRoute`; only
  the last two have a `sectionName`.
- Nothing is given twice in `targetRefs`, `serviceAccounts`, `trustedFrom`, `headers`, `bypass` and `after`.

The API server refuses all of this too, by rules in the CRDs, except what it cannot see:

{BY_THE_COMPILER}

## Not supported yet

These are planned, and rejected until they can be honoured:
"""

PLATFORM = """\
## ClusterCostPolicy

What the platform says for all teams, read by the operator. `defaults` and `overrides` hold the parts above, from
`models` to `failurePolicy`, each part as a whole and none of them required:

- `defaults`: a part counts where a team's own policy does not say it, and where a namespace has no policy at all.
- `overrides`: a part replaces the team's, whatever it says. Caps are different: those of `overrides.tiers` are added to
  the team's own, count over all policies that they reach, and all must pass. A tier that the override does not name is
  held to the override's first tier, so that no cap is lifted by renaming a tier; one tier in it therefore holds for
  everybody.
"""

SECTIONS = (
    ("Document and metadata", ("apiVersion", "kind", "metadata", "status")),
    (
        "Owner and place",
        ("spec.owner", "spec.priority", "spec.targetRefs", "spec.workloads", "spec.unpriced", "spec.failurePolicy"),
    ),
    ("Models", ("spec.models", "spec.aliases")),
    ("Identity", ("spec.identity",)),
    ("Tiers, caps and ladder", ("spec.tiers",)),
    ("Cache", ("spec.cache",)),
    ("Routing", ("spec.routing",)),
)


def page() -> str:
    smallest = [line for line in SMALLEST.read_text().splitlines() if not line.startswith("#")]
    parts = [INTRODUCTION, "```yaml", *smallest, "```", "", WRITING]
    for title, roots in SECTIONS:
        parts += [f"### {title}", "", *table(section(roots)), ""]
    parts += [PLATFORM, *table(platform_fields()), "", BETWEEN, *not_yet()]
    return "\n".join(parts) + "\n"


def platform_fields() -> Iterator[FieldDoc]:
    """Of a ClusterCostPolicy what is its own; its blocks are told by their names."""
    yield from section(("spec.owner", "spec.priority", "spec.targetRefs"), ClusterCostPolicy)
    yield from (fields(ClusterCostPolicy)[path] for path in ("spec.defaults", "spec.overrides"))


def section(roots: tuple[str, ...], model: type[BaseModel] = CostPolicy) -> Iterator[FieldDoc]:
    """The fields at and below these paths, in the order of the paths; a list's own line tells of its items."""
    for root in roots:
        below = (f"{root}.", f"{root}[")
        inside = (doc for path, doc in fields(model).items() if path == root or path.startswith(below))
        yield from (doc for doc in inside if not doc.path.endswith("[]"))


def table(docs: Iterable[FieldDoc]) -> Iterator[str]:
    yield "| field | default | allowed | meaning |"
    yield "|---|---|---|---|"
    for doc in docs:
        default = "required" if doc.required else f"`{doc.default}`" if doc.default else "–"  # noqa: RUF001
        cells = (f"`{doc.path.removeprefix('spec.')}`", default, doc.allowed, doc.description)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def not_yet() -> Iterator[str]:
    for path, values in planned():
        yield f"- `{path}`{': ' + ', '.join(f'`{value}`' for value in values) if values else ''}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where the page is stale")
    check: bool = parser.parse_args().check
    if PAGE.is_file() and PAGE.read_text() == page():
        return 0
    if check:
        print(f"{PAGE.relative_to(ROOT)}: stale; run tools/policy_reference.py", file=sys.stderr)  # noqa: T201
        return 1
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

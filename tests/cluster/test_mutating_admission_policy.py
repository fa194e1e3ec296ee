"""MutatingAdmissionPolicy is served as v1 and changes a pod as it is created, without a webhook."""

from __future__ import annotations

import json
from typing import Any

from tests.cluster.bench.api import Api
from tests.cluster.bench.process import until

VERSION = "admissionregistration.k8s.io/v1"


def policy(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Gives each pod that is created in the namespace `name` an annotation."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    expression = 'Object{metadata: Object.metadata{annotations: {"costward.dev/seen": "yes"}}}'
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "failurePolicy": "Ignore",
        "reinvocationPolicy": "IfNeeded",
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}],
    }
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
    binding = {"policyName": name, "matchResources": where}
    return (
        {"apiVersion": VERSION, "kind": "MutatingAdmissionPolicy", "metadata": {"name": name}, "spec": spec},
        {"apiVersion": VERSION, "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": binding},
    )


def pod(name: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "app", "image": "app"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def annotation_of_a_new_pod(api: Api) -> str | None:
    """A dry run goes through admission like any other create."""
    answer = api.kubectl("create", "--dry-run=server", "-f", "-", "-o", "json", stdin=json.dumps(pod("probe")))
    found: str | None = json.loads(answer)["metadata"].get("annotations", {}).get("costward.dev/seen")
    return found


def test_a_pod_is_changed_as_it_is_created(api: Api) -> None:
    assert annotation_of_a_new_pod(api) is None

    api.apply(*policy(api.namespace))
    try:
        # In force some seconds after it is stored.
        until(lambda: annotation_of_a_new_pod(api) == "yes", "the policy is in force", seconds=30)
    finally:
        for kind in ("mutatingadmissionpolicybinding", "mutatingadmissionpolicy"):
            api.kubectl("delete", kind, api.namespace)

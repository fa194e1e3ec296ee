"""What platform teams ask of a cluster. Decisions are pure functions on plain objects; `kube` alone talks to an API."""

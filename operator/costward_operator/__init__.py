"""The control plane: turns CostPolicy resources into snapshots. Nothing of it runs yet."""

"""Proof in the path: whether traffic that a policy governs really passes a data plane, and how that is known."""

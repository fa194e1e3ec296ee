"""What the control plane does to the world: Kubernetes, and nothing else yet."""

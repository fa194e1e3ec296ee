"""The control plane: turns CostPolicy resources into the snapshots that data planes decide by, and says what is true of
them in their status."""

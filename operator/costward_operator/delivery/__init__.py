"""Snapshots to data planes: who gets what, in which form, and what became of it."""

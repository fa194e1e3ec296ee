"""Money for people."""

from __future__ import annotations


def dollars(micro_usd: int) -> str:
    """`$0.000358` for small amounts, `$12.34` for large ones: always at least two significant digits."""
    amount = micro_usd / 1_000_000
    return f"${amount:,.2f}" if abs(amount) >= 1 else f"${amount:.6f}"

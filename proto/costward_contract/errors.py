"""The contract's errors. What is wrong with a policy is no error but a `Problem`: it is returned, never raised.

* ContractError
  + SnapshotError    bytes that are no snapshot, are torn, or were written by a newer Costward
"""

from __future__ import annotations


class ContractError(Exception):
    """Base of all errors raised on purpose."""


class SnapshotError(ContractError):
    pass

"""Faults of our own: the store, its configuration, its surroundings. Each says the remedy and its exit code.

A fault of one file is data (`models.decode.reason.DecodeError`) and never one of these.
"""

from catalog import exit_codes


class CatalogError(Exception):
    """Something the owner has to know. `remedy` is a whole sentence; `exit_code` as tabled in the README."""

    exit_code = exit_codes.FINDINGS

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


class UsageError(CatalogError):
    """A wrong call or a wrong configuration."""

    exit_code = exit_codes.USAGE


class StoreError(CatalogError):
    """The catalog itself is damaged, locked, or of another version."""

    exit_code = exit_codes.STORE


class UnstorableValueError(StoreError):
    """A value that the catalog cannot hold. The statement changed nothing; the transaction around it goes on."""


class ResourceError(CatalogError):
    """The environment is at fault: disk full, root away, no such model, nothing to read."""

    exit_code = exit_codes.RESOURCE

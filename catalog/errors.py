"""Errors that are shown to the owner, each with a remedy and an exit code.

A defect of a single image file is not among them: it is recorded (`models.decode.reason.DecodeError`).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from catalog import exit_codes


class CatalogError(Exception):
    """An error for the owner. `remedy`: a whole sentence. `exit_code`: see the README."""

    exit_code = exit_codes.FINDINGS

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


class UsageError(CatalogError):
    """A wrong command line or a wrong configuration."""

    exit_code = exit_codes.USAGE


class StoreError(CatalogError):
    """The catalog is damaged, locked, or of another version."""

    exit_code = exit_codes.STORE


class UnstorableValueError(StoreError):
    """A value that the catalog cannot store. The statement changed nothing; its transaction can go on."""


class ResourceError(CatalogError):
    """A problem of the environment: a full disk, an absent root, a missing model, an unreadable file."""

    exit_code = exit_codes.RESOURCE


def error_text(error: OSError) -> str:
    """Return the system's text for an error, in lower case."""
    return os.strerror(error.errno or 0).lower()


@contextmanager
def resource_errors(problem: str, remedy: str) -> Iterator[None]:
    """Raise an OSError of the body as a ResourceError: `problem`, followed by the system's text."""
    try:
        yield
    except OSError as error:
        raise ResourceError(f"{problem}: {error_text(error)}", remedy) from error

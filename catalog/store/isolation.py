"""Isolation of one file's change: if it fails, it is undone alone, and the rest of the transaction goes on."""

from collections.abc import Callable
from typing import TypeVar

from catalog.errors import CatalogError, UnstorableValueError
from catalog.store.database import Database

Result = TypeVar("Result")


def isolated(database: Database, change: Callable[[], Result], on_failure: Callable[[str], Result]) -> Result:
    """Return `change()`. If it fails, undo it alone and return `on_failure(problem)`. Call in a transaction.

    A failure of the catalog itself, which is damaged, locked or on a full disk, is not about one file, and is raised.
    """
    try:
        with database.savepoint():
            return change()
    except CatalogError as error:
        if not isinstance(error, UnstorableValueError):
            raise
        return on_failure(error.problem)
    except Exception as error:  # whatever a value that nobody thought of leads to
        problem = f"the service failed at this file: {type(error).__name__}: {error}"
        return on_failure(problem.encode(errors="backslashreplace").decode())  # file names may be no Unicode

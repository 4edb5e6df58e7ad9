"""Hints of the watcher: something may have changed. A hint is never a fact; the scan is the truth."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dirty:
    """A file may have changed. `closed`: its writer closed it, or it was moved here."""

    path: bytes
    closed: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """A file or directory was renamed inside the roots. A directory gives one hint, its files none."""

    source: bytes
    target: bytes
    directory: bool


@dataclass(frozen=True, slots=True)
class Vanished:
    """A file or directory was deleted or moved out of the roots."""

    path: bytes
    directory: bool


@dataclass(frozen=True, slots=True)
class Rescan:
    """Hints below `path` were lost or cannot be trusted (overflow, new directory, failed watcher)."""

    path: bytes
    reason: str


Hint = Dirty | Moved | Vanished | Rescan

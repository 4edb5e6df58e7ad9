"""What the watcher tells: hints that something may have changed, never facts. The scan is the truth."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dirty:
    """A file may have changed. `closed`: its writer closed it or it was moved into place."""

    path: bytes
    closed: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """Something inside the roots was renamed. For a directory there is one hint, none for its files."""

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
    """Hints were lost or cannot be trusted below `path` (overflow, new directory, dead emitter)."""

    path: bytes
    reason: str


Hint = Dirty | Moved | Vanished | Rescan

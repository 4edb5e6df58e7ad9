"""Decide what a sighting of a path requires. Pure: no clock, no disk, no catalog."""

from enum import Enum
from typing import NamedTuple

from catalog.filesystem.stat_signature import Signature


class SightingAction(Enum):
    """The action that a sighting requires."""

    SKIP = "skip"  # nothing changed
    TOUCH = "touch"  # only the inode changed: record it
    READ = "read"  # new, changed, or back


class FileRow(NamedTuple):
    """The part of a file's row that a sighting is compared with."""

    id: int
    state: str
    signature: Signature


def action_for(seen: Signature, known: FileRow | None) -> SightingAction:
    """Return the action that a sighting requires, given the known row.

    A file with only a new ctime (chmod, a new hard link) is read too: otherwise a tool that resets mtime after writing
    would hide its change. Reading costs one hash, since known content is not decoded again.
    """
    if known is None or known.state == "gone" or seen.stamp != known.signature.stamp:
        return SightingAction.READ
    return SightingAction.SKIP if seen.inode == known.signature.inode else SightingAction.TOUCH


RETRY_SECONDS = (5.0, 30.0, 120.0, 600.0, 3600.0, 86400.0)
MAX_READER_CRASHES = 3


def retry_delay(attempts: int) -> float:
    """Return the seconds until the next attempt, after `attempts` failed ones."""
    return RETRY_SECONDS[min(attempts, len(RETRY_SECONDS) - 1)]


def too_many_crashes(attempts: int) -> bool:
    """Return whether a file has crashed its reader often enough to be rejected."""
    return attempts >= MAX_READER_CRASHES

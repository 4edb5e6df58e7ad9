"""Decide what a sighting of a path means. Pure: no clock, no disk, no catalog."""

from enum import Enum
from typing import NamedTuple

from catalog.filesystem.stat_signature import Signature


class SightingAction(Enum):
    """What has to be done about a path that was seen."""

    SKIP = "skip"  # as known
    TOUCH = "touch"  # only the inode differs: record it, the bytes stand
    READ = "read"  # new, changed, or back


class FileRow(NamedTuple):
    """What the catalog holds of a path."""

    id: int
    state: str
    signature: Signature


def action_for(seen: Signature, known: FileRow | None) -> SightingAction:
    """Compare a sighting with the known row.

    A new ctime alone (chmod, a new hard link) is read too: a tool that sets mtime back after it wrote would
    otherwise hide its change. Reading costs one hash, since known content is not decoded again.
    """
    if known is None or known.state == "gone" or seen.stamp != known.signature.stamp:
        return SightingAction.READ
    return SightingAction.SKIP if seen.inode == known.signature.inode else SightingAction.TOUCH


RETRY_SECONDS = (5.0, 30.0, 120.0, 600.0, 3600.0, 86400.0)
MAX_READER_CRASHES = 3


def retry_delay(attempts: int) -> float:
    """Seconds until the next try after so many failed ones."""
    return RETRY_SECONDS[min(attempts, len(RETRY_SECONDS) - 1)]


def too_many_crashes(attempts: int) -> bool:
    """Whether a file took down its reader so often that it is rejected for it."""
    return attempts >= MAX_READER_CRASHES

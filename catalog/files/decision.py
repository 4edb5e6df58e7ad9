"""Decide what a sighting of a path means. Pure: no clock, no disk, no catalog."""

from enum import Enum
from typing import NamedTuple

from catalog.filesystem.stat_signature import Signature


class Step(Enum):
    """What has to be done about a path that was seen."""

    SKIP = "skip"  # as known
    TOUCH = "touch"  # only the inode differs: record it, the bytes stand
    READ = "read"  # new, changed, or back


class Known(NamedTuple):
    """What the catalog holds of a path."""

    id: int
    state: str
    signature: Signature


def plan(seen: Signature, known: Known | None) -> Step:
    """Compare a sighting with the known row.

    A new ctime alone (chmod, a new hard link) is read too: a tool that sets mtime back after it wrote would
    otherwise hide its change. Reading costs one hash, since known content is not decoded again.
    """
    if known is None or known.state == "gone" or seen.stamp != known.signature.stamp:
        return Step.READ
    return Step.SKIP if seen.inode == known.signature.inode else Step.TOUCH


RETRY_SECONDS = (5.0, 30.0, 120.0, 600.0, 3600.0, 86400.0)
STRIKES = 3


def back_off(attempts: int) -> float:
    """Seconds until the next try after so many failed ones."""
    return RETRY_SECONDS[min(attempts, len(RETRY_SECONDS) - 1)]


def struck_out(attempts: int) -> bool:
    """Whether a file took down its reader so often that it is rejected for it."""
    return attempts >= STRIKES

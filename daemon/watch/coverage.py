"""How much of a root is really watched, and in what words to say so."""

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass

from catalog.filesystem.paths import inside

MAX_SUBTREES = 100

_CAUSE_BY_ERRNO = {
    errno.ENOSPC: "fs.inotify.max_user_watches is used up; raise it (sysctl) above the number of directories",
    errno.EACCES: "the service may not read them",
    errno.EEXIST: "they are mounted twice inside the root",
}


@dataclass(frozen=True, slots=True)
class WatchCoverage:
    """What a check of one root found.

    `alive`: events of what is watched do arrive; if not, `remove` and `add` the root once it is there again.
    `directories`: those that we know of; what lies below uncovered ones is not counted.
    `watched`: the watches that the kernel really holds; where counting is dear (0.1 s at 100,000), believed in between.
    `uncovered`: subtrees in which changes go unseen, none inside another, at most 100. Together they hold all that
    is not watched: where there are more, parents stand for them, the root in the end. Scan these on a timer.
    `word`: one line for a person; empty when everything is watched.
    """

    root: bytes
    alive: bool
    directories: int
    watched: int
    uncovered: tuple[bytes, ...]
    word: str


def fewest_subtrees(paths: Iterable[bytes], most: int = MAX_SUBTREES) -> tuple[bytes, ...]:
    """The fewest subtrees that hold all `paths`; above `most`, the deepest give way to their parents. Paths share a
    root."""
    left = _outermost(paths)
    while len(left) > most:
        deepest = max(path.count(b"/") for path in left)
        left = _outermost(os.path.dirname(path) if path.count(b"/") == deepest else path for path in left)
    return tuple(left)


def coverage_problem(directories: int, faults: Iterable[int]) -> str:
    """Why directories are not watched, from the errnos met; empty without any."""
    counts: dict[int, int] = {}
    for number in faults:
        counts[number] = counts.get(number, 0) + 1
    parts = (
        f"{count:,} of {directories:,} directories are not watched: "
        f"{_CAUSE_BY_ERRNO.get(number) or os.strerror(number)}"
        for number, count in counts.items()
    )
    return "; ".join(parts)


def _outermost(paths: Iterable[bytes]) -> list[bytes]:
    # Sorted by components, all that is inside a path follows it directly; sorted by bytes, `a!` would come in between.
    kept: list[bytes] = []
    for path in sorted(set(paths), key=lambda path: path.split(b"/")):
        if not kept or not inside(path, kept[-1]):
            kept.append(path)
    return kept

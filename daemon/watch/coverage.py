"""How much of a root is watched, and why the rest is not."""

import errno
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from catalog.filesystem.paths import inside

MAX_SUBTREES = 100

_CAUSE_BY_ERRNO = {
    errno.ENOSPC: "fs.inotify.max_user_watches is used up; raise it (sysctl) above the number of directories",
    errno.EACCES: "the service has no permission to read them",
    errno.EEXIST: "they are mounted twice inside the root",
}


@dataclass(frozen=True, slots=True)
class WatchCoverage:
    """The result of checking one root.

    `alive`: events of watched directories arrive; if not, `remove` and `add` the root once it is back.
    `directories`: known directories; those below an uncovered one are not counted.
    `watched`: watches held by the kernel; where counting is expensive (0.1 s at 100,000), our own count in between.
    `uncovered`: subtrees whose changes are not seen, none inside another, at most 100. Together they contain every
    directory that is not watched: if there are more, their parents replace them, in the end the root. Scan these on
    a timer.
    `problem`: one line for a person; empty when everything is watched.
    """

    root: bytes
    alive: bool
    directories: int
    watched: int
    uncovered: tuple[bytes, ...]
    problem: str


def fewest_subtrees(paths: Iterable[bytes], limit: int = MAX_SUBTREES) -> tuple[bytes, ...]:
    """Return the fewest subtrees that contain `paths` of one root; above `limit`, parents replace the deepest ones."""
    subtrees = _outermost(paths)
    while len(subtrees) > limit:
        deepest = max(path.count(b"/") for path in subtrees)
        subtrees = _outermost(os.path.dirname(path) if path.count(b"/") == deepest else path for path in subtrees)
    return tuple(subtrees)


def coverage_problem(directories: int, errnos: Iterable[int]) -> str:
    """Return why directories are not watched, given the errno of each; empty if there is none."""
    parts = (
        f"{count:,} of {directories:,} directories are not watched: "
        f"{_CAUSE_BY_ERRNO.get(number) or os.strerror(number)}"
        for number, count in Counter(errnos).items()
    )
    return "; ".join(parts)


def _outermost(paths: Iterable[bytes]) -> list[bytes]:
    # Sorted by components, everything inside a path follows it directly; sorted by bytes, `a!` would come in between.
    kept: list[bytes] = []
    for path in sorted(set(paths), key=lambda path: path.split(b"/")):
        if not kept or not inside(path, kept[-1]):
            kept.append(path)
    return kept

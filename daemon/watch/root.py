"""One watched root: its inotify instance, its digest, and what a check from another thread may ask of it."""

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from catalog.filesystem.mounts import Mount, mount_of, mounts_below, read_mounts
from daemon.watch.coverage import WatchCoverage, coverage_problem, fewest_subtrees
from daemon.watch.event_translator import EventTranslator
from daemon.watch.hints import Hint
from daemon.watch.inotify import Inotify

RootIdentity = tuple[int, int, int]
"""Device, inode and mount id of a root."""


@dataclass(frozen=True, slots=True)
class _CoverageSnapshot:
    """What the watching thread lets others see, replaced as a whole."""

    directories: int = 0
    watches: int = 0
    uncovered: tuple[bytes, ...] = ()
    word: str = ""
    changes: int = -1


class WatchedRoot:
    """An inotify instance a root: giving a root up is one close(), an overflow concerns one root.

    `open`, `turn` and `close` belong to the watching thread; `check` and `wake` to any other, one at a time.
    """

    def __init__(self, root: bytes, submit: Callable[[Hint], None]) -> None:
        self.failed = ""
        self._root = root
        self._submit = submit
        self._view = _CoverageSnapshot()
        self._identity: RootIdentity | None = None
        self._submounts: frozenset[Mount] = frozenset()
        self._fewer_before = False
        self._count_from = 0.0
        self._asked: deque[Callable[[], None]] = deque()
        self._inotify: Inotify | None = None
        self._digest: EventTranslator | None = None

    def open(self) -> None:
        """Watches the whole tree, about 20 µs a directory. Raises OSError if there can be no watching at all."""
        mounts = read_mounts()
        self._identity = root_identity(self._root, mounts)  # before the walk: a swap in between is then seen
        self._submounts = frozenset(mounts_below(self._root, mounts))
        self._inotify = Inotify()
        self._digest = EventTranslator(self._root, self._inotify, self._submit)
        self._digest.open()
        self._look(self._digest)

    def step(self, timeout: float) -> None:
        """Reads what is queued, waiting at most `timeout` seconds for it, then works on what else is due for some
        ms."""
        if self._digest is None or self._inotify is None:
            return
        for record in self._inotify.read(self._digest.patience(timeout)):
            self._digest.take(record)
        self._digest.rounds.digested(self._inotify.emptied)
        while self._asked:
            self._asked.popleft()()
        self._digest.work()
        self._look(self._digest)

    def close(self) -> None:
        """Gives all watches back. Safe to call twice."""
        if self._inotify is not None:
            self._inotify.close()

    def wake(self) -> None:
        """Ends the wait of `turn`."""
        if self._inotify is not None:
            self._inotify.wake()

    def check(self, mounts: Sequence[Mount], running: bool) -> WatchCoverage:
        """What is watched now; asks the watching thread (`running`: it is) for repair of what is not."""
        view, fault = self._view, self._fault(mounts, running)
        if fault or self._inotify is None or self._digest is None:
            return WatchCoverage(self._root, False, view.directories, 0, (self._root,), f"the root {fault}")
        watched = self._count(self._inotify)
        self._repair(self._digest, watched, mounts)
        shown = view.watches if watched is None else watched
        return WatchCoverage(self._root, True, view.directories, shown, view.uncovered, view.word)

    def _count(self, inotify: Inotify) -> int | None:
        """The kernel's count of watches; None while counting again would cost more than 1 % of a core."""
        began = time.monotonic()
        if began < self._count_from:
            return None
        count = inotify.kernel_count()
        now = time.monotonic()
        self._count_from = now + 100 * (now - began)
        return count

    def _fault(self, mounts: Sequence[Mount], running: bool) -> str:
        try:
            now = root_identity(self._root, mounts)
        except OSError as error:
            return f"is away: {error.strerror}"
        if self.failed:
            return self.failed
        if not running:
            return "is not watched: its thread does not run"
        return "" if now == self._identity else "was replaced by another directory or mount"

    def _repair(self, digest: EventTranslator, watched: int | None, mounts: Sequence[Mount]) -> None:
        if watched is not None:
            fewer = watched < self._view.watches
            if fewer and self._fewer_before:  # once may be a deletion whose record is still queued
                self._asked.append(partial(digest.rounds.resync, "watches were lost"))
            self._fewer_before = fewer
        if self._view.uncovered:
            self._asked.append(digest.rounds.retry)
        below = frozenset(mounts_below(self._root, mounts))
        for mount in below ^ self._submounts:
            self._asked.append(partial(digest.rounds.revisit, mount.path, "mounted or unmounted"))
        self._submounts = below
        if self._asked:
            self.wake()

    def _look(self, digest: EventTranslator) -> None:
        tree, view = digest.tree, self._view
        self.failed = digest.failed
        uncovered, word = view.uncovered, view.word
        if view.changes != tree.uncovered_changes:
            paths = (tree.path(node) for node in tree.uncovered)
            uncovered = fewest_subtrees(path for path in paths if path is not None)
            word = coverage_problem(tree.size, tree.uncovered.values())
        self._view = _CoverageSnapshot(tree.size, len(tree.by_wd), uncovered, word, tree.uncovered_changes)


def root_identity(root: bytes, mounts: Sequence[Mount]) -> RootIdentity:
    """What tells this root from another one at its path. Raises OSError when there is none."""
    found = os.stat(root)
    try:
        mount = mount_of(os.path.realpath(root), mounts).mount_id
    except LookupError:
        mount = 0  # in a chroot the table need not hold the mount that we are on
    return found.st_dev, found.st_ino, mount

"""One watched root: its inotify instance, its event translator, and its coverage as seen from another thread."""

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from catalog.filesystem.mounts import Mount, mount_of, mounts_below, read_mounts
from daemon.watch.coverage import WatchCoverage, coverage_problem, fewest_subtrees
from daemon.watch.event_translator import EventTranslator
from daemon.watch.hints import Hint
from daemon.watch.inotify import Inotify

RootIdentity = tuple[int, int, int]
"""Device, inode and mount id of a root."""


class WatchedRoot:
    """One inotify instance a root: one close() removes its watches, and an overflow concerns one root only.

    `open`, `step` and `close` belong to the watching thread; `check` and `wake` to any other, one at a time.
    `failure`: why the root is not watched; empty while it is.
    """

    def __init__(self, root: bytes, submit: Callable[[Hint], None]) -> None:
        self.failure = ""
        self._root = root
        self._submit = submit
        self._snapshot = WatchCoverage(root, True, 0, 0, (), "")  # shown to other threads, replaced as a whole
        self._uncovered_changes = -1
        self._identity: RootIdentity | None = None
        self._submounts: frozenset[Mount] = frozenset()
        self._watches_missing = False
        self._next_count = 0.0
        self._repairs: deque[Callable[[], None]] = deque()
        self._inotify: Inotify | None = None
        self._translator: EventTranslator | None = None

    def open(self) -> None:
        """Watch the whole tree, about 20 µs a directory. Raises OSError if the root cannot be watched at all."""
        mounts = read_mounts()
        self._identity = root_identity(self._root, mounts)  # before the walk, so that a swap in between is noticed
        self._submounts = frozenset(mounts_below(self._root, mounts))
        self._inotify = Inotify()
        self._translator = EventTranslator(self._root, self._inotify, self._submit)
        self._translator.open()
        self._update_snapshot(self._translator)

    def step(self, timeout: float) -> None:
        """Process queued events, after waiting at most `timeout` seconds for one; then do a few ms of other work."""
        if self._translator is None or self._inotify is None:
            return
        for event in self._inotify.read(self._translator.max_wait(timeout)):
            self._translator.translate(event)
        self._translator.rewalks.set_processed(self._inotify.drained_at)
        while self._repairs:
            self._repairs.popleft()()
        self._translator.run_slice()
        self._update_snapshot(self._translator)

    def close(self) -> None:
        """Remove all watches. Safe to call twice."""
        if self._inotify is not None:
            self._inotify.close()

    def wake(self) -> None:
        """End the wait of `step`."""
        if self._inotify is not None:
            self._inotify.wake()

    def check(self, mounts: Sequence[Mount], running: bool) -> WatchCoverage:
        """Return the coverage; request repair from the watching thread, if it is `running`."""
        snapshot, problem = self._snapshot, self._find_problem(mounts, running)
        if problem or self._inotify is None or self._translator is None:
            problem = f"the root {problem}"
            return replace(snapshot, alive=False, watched=0, uncovered=(self._root,), problem=problem)
        watched = self._count_watches(self._inotify)
        self._request_repairs(self._translator, watched, mounts)
        return snapshot if watched is None else replace(snapshot, watched=watched)

    def _count_watches(self, inotify: Inotify) -> int | None:
        """Return the kernel's count of watches; None while counting again would cost more than 1 % of a core."""
        began = time.monotonic()
        if began < self._next_count:
            return None
        count = inotify.kernel_watch_count()
        now = time.monotonic()
        self._next_count = now + 100 * (now - began)
        return count

    def _find_problem(self, mounts: Sequence[Mount], running: bool) -> str:
        try:
            identity = root_identity(self._root, mounts)
        except OSError as error:
            return f"is not available: {error.strerror}"
        if self.failure:
            return self.failure
        if not running:
            return "is not watched: its thread has ended"
        return "" if identity == self._identity else "was replaced by another directory or mount"

    def _request_repairs(self, translator: EventTranslator, watched: int | None, mounts: Sequence[Mount]) -> None:
        rewalks = translator.rewalks
        if watched is not None:
            missing = watched < self._snapshot.watched
            if missing and self._watches_missing:  # once may be a deletion whose event is still queued
                self._repairs.append(partial(rewalks.resync, "watches were lost"))
            self._watches_missing = missing
        if self._snapshot.uncovered:
            self._repairs.append(rewalks.retry_uncovered)
        submounts = frozenset(mounts_below(self._root, mounts))
        for mount in submounts ^ self._submounts:
            self._repairs.append(partial(rewalks.rewalk, mount.path, "mounted or unmounted"))
        self._submounts = submounts
        if self._repairs:
            self.wake()

    def _update_snapshot(self, translator: EventTranslator) -> None:
        tree, snapshot = translator.tree, self._snapshot
        self.failure = translator.failure
        uncovered, problem = snapshot.uncovered, snapshot.problem
        if self._uncovered_changes != tree.uncovered_changes:
            self._uncovered_changes = tree.uncovered_changes
            paths = (tree.path(node) for node in tree.uncovered)
            uncovered = fewest_subtrees(path for path in paths if path is not None)
            problem = coverage_problem(tree.size, tree.uncovered.values())
        self._snapshot = WatchCoverage(self._root, True, tree.size, len(tree.by_wd), uncovered, problem)


def root_identity(root: bytes, mounts: Sequence[Mount]) -> RootIdentity:
    """Return what distinguishes this root from another at the same path. Raises OSError if it is missing."""
    status = os.stat(root)
    try:
        mount = mount_of(os.path.realpath(root), mounts).mount_id
    except LookupError:
        mount = 0  # in a chroot the table may lack the mount of the root
    return status.st_dev, status.st_ino, mount

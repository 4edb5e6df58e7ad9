"""The walks that are due: over new directories, directories to recheck, and after an overflow the whole tree."""

import time
from collections import deque
from collections.abc import Callable
from itertools import islice, takewhile

from daemon.watch.hints import Hint, Rescan
from daemon.watch.tree import Node, WatchTree
from daemon.watch.tree_walk import TreeWalk

_SLICE_SECONDS = 0.005  # seconds of walking between two reads of the queue
_REMOVALS_PER_SLICE = 512  # each queues an event, and the queue holds 16,384 by default
_RECHECK_SECONDS = 0.2  # seconds until a directory that changed during a walk is visited again
_RETRY_DIRECTORIES = 100  # uncovered directories tried again at one request


class RewalkSchedule:
    """The walks of one root, done in slices. Times are monotonic seconds, of `clock`.

    `skipped`: directories that walks have skipped since the caller last cleared it.
    """

    def __init__(
        self, tree: WatchTree, submit: Callable[[Hint], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.skipped: list[Node] = []
        self.root_is_gone = False
        self._tree = tree
        self._submit = submit
        self._clock = clock
        self._walks: deque[TreeWalk] = deque()
        self._rechecks: dict[Node, float] = {}
        self._processed_until = 0.0
        self._resync_reason: str | None = None
        self._next_resync = 0.0
        self._resync: tuple[TreeWalk, float] | None = None  # with its start

    def walk_whole_tree(self) -> None:
        """Watch the whole tree before returning; submit nothing."""
        self._walks.append(TreeWalk(self._tree.root, "start", deep=True, silent=True))
        while self._walks:
            self._step(self._walks[0])

    def run_slice(self) -> None:
        """Do a slice of the due work."""
        now = self._clock()
        for node, _ in list(takewhile(lambda item: item[1] <= now, self._rechecks.items())):
            del self._rechecks[node]
            self.walk_next(TreeWalk(node, "changed while it was walked", quiet=True))
        self._start_resync(now)
        self._tree.remove_unused_watches(_REMOVALS_PER_SLICE)
        while self._walks and self._clock() < now + _SLICE_SECONDS:
            self._step(self._walks[0])
        while self._tree.displaced:
            self.recheck(self._tree.displaced.pop())

    def seconds_until_due(self) -> float | None:
        """Return the seconds until more work is due; None if there is none."""
        if self._walks or self._tree.unused_wds:
            return 0.0
        due = list(islice(self._rechecks.values(), 1))
        if self._resync_reason is not None:
            due.append(self._next_resync)
        return max(0.0, min(due) - self._clock()) if due else None

    def walk_next(self, walk: TreeWalk) -> None:
        """Put this walk before all others: a new directory is small, and files are being added to it."""
        self._walks.appendleft(walk)

    def recheck(self, node: Node) -> None:
        """Visit a directory again once the events that changed it have been processed."""
        self._rechecks.setdefault(node, self._clock() + _RECHECK_SECONDS)

    def set_processed(self, until: float) -> None:
        """Record that all events queued before this time have been processed."""
        self._processed_until = until - _RECHECK_SECONDS  # a rename shows on disk before its event is queued

    def may_have_walked(self, node: Node) -> bool:
        """Return whether a walk may have been below a directory after its rename, whose event is processed only now.

        It used paths that led elsewhere by then: it watched and listed directories that are not below `node` at all.
        """
        return node.walked_at > self._processed_until

    def resync(self, reason: str) -> None:
        """Request a walk over the whole tree that adds missing watches, then a Rescan of the root.

        Watches remain and are never rebuilt: removing 100,000 of them would queue 100,000 events and overflow again.
        During a long storm further overflows request it again; each walk is followed by a pause of four times its
        length.
        """
        self._resync_reason = self._resync_reason or reason

    def rewalk(self, path: bytes, reason: str) -> None:
        """Walk everything below `path` again: something was mounted or unmounted there."""
        self._walks.append(TreeWalk(self._tree.find(path), reason, deep=True))

    def retry_uncovered(self) -> None:
        """Try again to watch some of the uncovered directories."""
        for node in list(islice(self._tree.uncovered, _RETRY_DIRECTORIES)):
            self._walks.append(TreeWalk(node, "watched at last", quiet=True))

    def _start_resync(self, now: float) -> None:
        if self._resync_reason is None or self._resync is not None or now < self._next_resync:
            return
        walk = TreeWalk(self._tree.root, self._resync_reason, deep=True)
        self._resync_reason, self._resync = None, (walk, now)
        self._walks.append(walk)

    def _step(self, walk: TreeWalk) -> None:
        node = walk.stack[-1]
        walk.step(self._tree)
        self._tree.mark_walked(node, self._clock())
        self.skipped += walk.skipped  # now, not at the end: a pending rename may be complete by then
        walk.skipped.clear()
        if walk.stack:
            return
        self._walks.popleft()
        for node in walk.rechecks:
            self.recheck(node)
        self.root_is_gone |= walk.root_is_gone
        self._note_resync_end(walk)
        path = self._tree.path(walk.top)
        if path is not None and walk.needs_rescan:
            self._submit(Rescan(path, walk.reason))

    def _note_resync_end(self, walk: TreeWalk) -> None:
        if self._resync is None:
            return
        current, started = self._resync
        if current is walk:
            now = self._clock()
            self._next_resync = now + max(1.0, 4 * (now - started))
            self._resync = None

"""Which walks are due: new directories, doubtful ones, and after an overflow the whole tree."""

import time
from collections import deque
from collections.abc import Callable
from itertools import islice, takewhile

from daemon.watch.hints import Hint, Rescan
from daemon.watch.tree import Node, WatchTree
from daemon.watch.tree_walk import TreeWalk

_SLICE_SECONDS = 0.005  # seconds of walking between two reads of the queue
_REMOVALS_PER_SLICE = (
    512  # watches given up between two reads; each queues a record, and the queue holds 16,384 by default
)
_RECHECK_SECONDS = 0.2  # seconds until a directory that changed under a walk is looked at again
_RETRY_DIRECTORIES = 100  # uncovered directories that one request tries again


class RewalkSchedule:
    """The walks of one root, done in slices. Times are monotonic seconds, from the clock that is passed in."""

    def __init__(
        self, tree: WatchTree, submit: Callable[[Hint], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.skipped: list[Node] = []
        self.root_is_gone = False
        self._tree = tree
        self._submit = submit
        self._clock = clock
        self._walks: deque[TreeWalk] = deque()
        self._doubted: dict[Node, float] = {}
        self._digested = 0.0
        self._resync: str | None = None
        self._resync_from = 0.0
        self._resyncing: tuple[TreeWalk, float] | None = None

    def first(self) -> None:
        """Watches the whole tree before it returns and tells nothing."""
        self._walks.append(TreeWalk(self._tree.root, "start", deep=True, silent=True))
        while self._walks:
            self._step(self._walks[0])

    def work(self) -> None:
        """A slice of what is due."""
        now = self._clock()
        for node, _ in list(takewhile(lambda item: item[1] <= now, self._doubted.items())):
            del self._doubted[node]
            self.soon(TreeWalk(node, "changed while it was walked", quiet=True))
        self._start_resync(now)
        self._tree.give_up_doomed(_REMOVALS_PER_SLICE)
        while self._walks and self._clock() < now + _SLICE_SECONDS:
            self._step(self._walks[0])
        while self._tree.robbed:
            self.doubt(self._tree.robbed.pop())

    def wait(self) -> float | None:
        """Seconds until the next piece of work is due; None when there is none."""
        if self._walks or self._tree.doomed:
            return 0.0
        due = list(islice(self._doubted.values(), 1))
        if self._resync is not None:
            due.append(self._resync_from)
        return max(0.0, min(due) - self._clock()) if due else None

    def soon(self, walk: TreeWalk) -> None:
        """Does this walk before those that wait: a new directory is small and being filled."""
        self._walks.appendleft(walk)

    def doubt(self, node: Node) -> None:
        """Looks at a directory again when the events that changed it have been digested."""
        self._doubted.setdefault(node, self._clock() + _RECHECK_SECONDS)

    def digested(self, until: float) -> None:
        """Notes that all records queued before this time are digested."""
        self._digested = until - _RECHECK_SECONDS  # a rename shows on disk before its record is queued

    def overtook(self, node: Node) -> bool:
        """Whether a walk may have been below a directory after the rename that is digested only now.

        It went by paths that led elsewhere by then: it put watches on, and listed, what is not below `node` at all.
        """
        return node.walked > self._digested

    def resync(self, why: str) -> None:
        """Asks for a walk over the whole tree that adds what lacks a watch, then a Rescan of the root.

        Watches stay and are never rebuilt: removing 100,000 of them would queue 100,000 records and overflow again.
        A storm that goes on asks again; the next walk then waits four times as long as the last one took.
        """
        self._resync = self._resync or why

    def revisit(self, path: bytes, why: str) -> None:
        """Walks everything below `path` again: something was mounted or unmounted there."""
        self._walks.append(TreeWalk(self._tree.find(path), why, deep=True))

    def retry(self) -> None:
        """Tries again to watch some of what could not be watched."""
        for node in list(islice(self._tree.uncovered, _RETRY_DIRECTORIES)):
            self._walks.append(TreeWalk(node, "watched at last", quiet=True))

    def _start_resync(self, now: float) -> None:
        if self._resync is None or self._resyncing is not None or now < self._resync_from:
            return
        walk = TreeWalk(self._tree.root, self._resync, deep=True)
        self._resync, self._resyncing = None, (walk, now)
        self._walks.append(walk)

    def _step(self, walk: TreeWalk) -> None:
        node = walk.stack[-1]
        walk.step(self._tree)
        self._tree.mark(node, self._clock())
        self.skipped += walk.skipped  # now, not at the end: what they wait for may be in its new place by then
        walk.skipped.clear()
        if walk.stack:
            return
        self._walks.popleft()
        for node in walk.doubts:
            self.doubt(node)
        self.root_is_gone |= walk.root_is_gone
        self._note_resync(walk)
        path = self._tree.path(walk.top)
        if path is not None and walk.worth_telling:
            self._submit(Rescan(path, walk.why))

    def _note_resync(self, walk: TreeWalk) -> None:
        if self._resyncing is not None and self._resyncing[0] is walk:
            now = self._clock()
            self._resync_from = now + max(1.0, 4 * (now - self._resyncing[1]))
            self._resyncing = None

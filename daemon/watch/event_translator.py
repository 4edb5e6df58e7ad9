"""Translate inotify events below one root into hints, strictly in the order in which the kernel queued them."""

import math
import os
import stat
import time
from collections.abc import Callable

from daemon.watch import inotify as kernel
from daemon.watch.hints import Dirty, Hint, Moved, Rescan, Vanished
from daemon.watch.inotify import Inotify, InotifyEvent
from daemon.watch.rename_pairs import PAIR_SECONDS, PendingRename, RenamePairs
from daemon.watch.rewalks import RewalkSchedule
from daemon.watch.tree import Node, WatchResult, WatchTree
from daemon.watch.tree_walk import TreeWalk


class EventTranslator:
    """Updates the tree of watches from events, and submits hints. One thread only, which also runs `submit`.

    `failure`: why the root cannot be watched any more; empty while it can.
    """

    def __init__(self, root: bytes, inotify: Inotify, submit: Callable[[Hint], None]) -> None:
        self.tree = WatchTree(root, inotify)
        self.rewalks = RewalkSchedule(self.tree, submit)
        self.failure = ""
        self._root = root
        self._submit = submit
        self._renames = RenamePairs()

    def open(self) -> None:
        """Watch the whole tree before returning: about 20 µs a directory when the disk's cache is warm."""
        self.rewalks.walk_whole_tree()
        self._note_walks()

    def translate(self, event: InotifyEvent) -> None:
        """Process one event. Events of a removed watch are dropped: a hint was submitted when it was removed."""
        wd, mask, cookie, name = event
        if mask & kernel.Q_OVERFLOW:
            self.rewalks.resync("overflow")
            return
        node = self.tree.by_wd.get(wd)
        if node is None:
            return
        if name:
            self._on_entry(node, mask, cookie, name)
        else:
            self._on_directory_itself(node, mask)

    def run_slice(self) -> None:
        """Do a slice of the work besides events: renames without a second half, walks, watches to remove."""
        self._submit_vanished(self._renames.pop_expired(time.monotonic()))
        self.rewalks.run_slice()
        self._note_walks()

    def max_wait(self, limit: float) -> float:
        """Return how many seconds, at most `limit`, may be spent waiting for events."""
        waits = [limit]
        if (expiry := self._renames.next_expiry()) is not None:
            waits.append(max(0.0, expiry - time.monotonic()))
        if (seconds := self.rewalks.seconds_until_due()) is not None:
            waits.append(seconds)
        return min(waits)

    def fail(self, problem: str) -> None:
        """Record that the root cannot be watched from now on."""
        if not self.failure:
            self.failure = problem
            self._submit(Rescan(self._root, f"the root {problem}"))

    def _submit_vanished(self, renames: list[PendingRename]) -> None:
        for rename in renames:
            if rename.node is not None:
                self.tree.drop(rename.node)
            self._submit(Vanished(rename.path, rename.directory))
            if rename.directory and os.path.lexists(rename.path):
                # This hint is late: a walk may have reported a new directory at this path already, and an overflow
                # may have lost its event.
                self._submit(Rescan(rename.path, "replaced"))

    def _note_walks(self) -> None:
        for node in self.rewalks.skipped:
            self._renames.mark_disturbed(node.topmost())
        self.rewalks.skipped.clear()
        if self.rewalks.root_is_gone:
            self.fail("is missing or not a directory")

    def _on_entry(self, node: Node, mask: int, cookie: int, name: bytes) -> None:
        parent_path = self.tree.path(node)
        if parent_path is None:
            self._renames.mark_disturbed(node.topmost())
            return
        path = (b"" if parent_path == b"/" else parent_path) + b"/" + name
        directory = bool(mask & kernel.ISDIR)
        if mask & kernel.CLOSE_WRITE:
            self._submit(Dirty(path, closed=True))
        elif mask & kernel.MOVED_FROM:
            self._on_moved_from(node, name, path, directory, cookie)
        elif mask & kernel.MOVED_TO:
            self._on_moved_to(node, name, path, directory, cookie)
        elif mask & kernel.DELETE:
            self._on_deleted(node, name, path, directory)
        elif directory:
            self._submit_vanished(self._renames.pop_path(path))
            self._on_new_directory(node, name)
        else:
            self._submit_vanished(self._renames.pop_path(path))
            self._submit(Dirty(path, closed=is_link(path)))

    def _on_directory_itself(self, node: Node, mask: int) -> None:
        if node is self.tree.root:
            self.fail("was renamed" if mask & kernel.MOVE_SELF else "was deleted or unmounted")
        elif mask & kernel.IGNORED:
            # The parent reports a deletion; nothing reports an unmount, and the directory underneath must be watched.
            self.tree.forget_watch(node)
            self.rewalks.recheck(node)

    def _on_new_directory(self, parent: Node, name: bytes) -> None:
        """Watch a new directory now and walk it soon: what was created in it before its watch gives no event."""
        node = parent.child(name)
        if node is not None and node.wd >= 0:
            return
        node = node or self.tree.add(parent, name)
        path = self.tree.path(node)
        if path is not None and self.tree.watch(node, path) is WatchResult.GONE:
            # Deleted, or a parent was renamed and the event is still queued: only another visit can tell.
            self.tree.drop(node)
            self.rewalks.recheck(parent)
        else:
            self.rewalks.walk_next(TreeWalk(node, "new directory"))

    def _on_deleted(self, parent: Node, name: bytes, path: bytes, directory: bool) -> None:
        node = parent.child(name) if directory else None
        if node is not None:
            self.tree.drop(node)
        self._submit(Vanished(path, directory))

    def _on_moved_from(self, parent: Node, name: bytes, path: bytes, directory: bool, cookie: int) -> None:
        node = parent.child(name) if directory else None
        rename = PendingRename(path, parent, node, directory, time.monotonic() + PAIR_SECONDS)
        if node is not None:
            rename.disturbed = self.rewalks.may_have_walked(node)
            self.tree.detach(node)
        self._renames.add(cookie, rename)

    def _on_moved_to(self, parent: Node, name: bytes, path: bytes, directory: bool, cookie: int) -> None:
        rename = self._renames.pop(cookie)
        # Hints must come in the order of events. So first report what left this path or, before a directory takes
        # another path, everything that left. A second half that comes later counts as new.
        self._submit_vanished(self._renames.pop_expired(math.inf) if directory else self._renames.pop_path(path))
        replaced = parent.child(name)
        if replaced is not None:
            self.tree.drop(replaced)
        if rename is not None:
            self._submit(Moved(rename.path, path, directory))
        elif not directory:
            self._submit(Dirty(path, closed=True))
        if not directory:
            return
        if rename is None or rename.node is None:
            self._on_new_directory(parent, name)
        else:
            self._reattach(rename, rename.node, parent, name, path)

    def _reattach(self, rename: PendingRename, node: Node, parent: Node, name: bytes, path: bytes) -> None:
        """Attach a renamed directory at its new place, and check on disk that it is the same directory: after an
        exchange, or when a walk was ahead of the queue, it is another one.
        """
        self.tree.attach(node, parent, name)
        result = self.tree.watch(node, path)
        if result is not WatchResult.SAME:
            self.rewalks.recheck(parent)
            self.rewalks.recheck(rename.parent)
        # Always a Rescan: a file reported just before, or found by a running scan, may have been looked up under its
        # old path between the rename and its hint, and been recorded as gone. Moved alone would lose it.
        deep = rename.disturbed or result is WatchResult.NEW
        self.rewalks.walk_next(TreeWalk(node, "renamed", deep=deep))


def is_link(path: bytes) -> bool:
    """Return whether a new file is complete already: a hard or symbolic link, which no writer will close."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISLNK(status.st_mode) or status.st_nlink > 1

"""From raw records to hints, below one root. Order is everything: records are digested as the kernel queued them."""

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
    """Keeps the tree true and tells hints. One thread only; `tell` is called in it."""

    def __init__(self, root: bytes, inotify: Inotify, submit: Callable[[Hint], None]) -> None:
        self.tree = WatchTree(root, inotify)
        self.rounds = RewalkSchedule(self.tree, submit)
        self.failed = ""
        self._root = root
        self._submit = submit
        self._moves = RenamePairs()

    def open(self) -> None:
        """Watches the whole tree before it returns: about 20 µs a directory when the disk's cache is warm."""
        self.rounds.first()
        self._after_walking()

    def take(self, record: InotifyEvent) -> None:
        """Digests one record. One of a watch that we gave up says nothing new: whatever gave it up told a hint."""
        wd, mask, cookie, name = record
        if mask & kernel.Q_OVERFLOW:
            self.rounds.resync("overflow")
            return
        node = self.tree.by_wd.get(wd)
        if node is None:
            return
        if name:
            self._entry(node, mask, cookie, name)
        else:
            self._itself(node, mask)

    def work(self) -> None:
        """A slice of what is due besides records: renames without a second half, walks, doomed watches."""
        self._left(self._moves.expired(time.monotonic()))
        self.rounds.work()
        self._after_walking()

    def patience(self, longest: float) -> float:
        """For how many seconds there is nothing to do but wait for records."""
        waits = [longest]
        if (due := self._moves.next_due()) is not None:
            waits.append(max(0.0, due - time.monotonic()))
        if (wait := self.rounds.wait()) is not None:
            waits.append(wait)
        return min(waits)

    def fail(self, word: str) -> None:
        """Notes that the root cannot be watched from now on."""
        if not self.failed:
            self.failed = word
            self._submit(Rescan(self._root, f"the root {word}"))

    def _left(self, gone: list[PendingRename]) -> None:
        for held in gone:
            if held.node is not None:
                self.tree.drop(held.node)
            self._submit(Vanished(held.path, held.directory))
            if held.directory and os.path.lexists(held.path):
                # Told late, so a walk may have told of its successor already, and an overflow lost the event of that.
                self._submit(Rescan(held.path, "replaced"))

    def _after_walking(self) -> None:
        for node in self.rounds.skipped:
            self._moves.disturb(node.top())
        self.rounds.skipped.clear()
        if self.rounds.root_is_gone:
            self.fail("is missing or not a directory")

    def _entry(self, node: Node, mask: int, cookie: int, name: bytes) -> None:
        below = self.tree.path(node)
        if below is None:
            self._moves.disturb(node.top())
            return
        path = (b"" if below == b"/" else below) + b"/" + name
        directory = bool(mask & kernel.ISDIR)
        if mask & kernel.CLOSE_WRITE:
            self._submit(Dirty(path, closed=True))
        elif mask & kernel.MOVED_FROM:
            self._leave(node, name, path, directory, cookie)
        elif mask & kernel.MOVED_TO:
            self._arrive(node, name, path, directory, cookie)
        elif mask & kernel.DELETE:
            self._delete(node, name, path, directory)
        elif directory:
            self._left(self._moves.left(path))
            self._appear(node, name)
        else:
            self._left(self._moves.left(path))
            self._submit(Dirty(path, closed=is_link(path)))

    def _itself(self, node: Node, mask: int) -> None:
        if node is self.tree.root:
            self.fail("was renamed" if mask & kernel.MOVE_SELF else "was deleted or unmounted")
        elif mask & kernel.IGNORED:
            # A deletion is told by the parent; an unmount by nobody, and the directory underneath must be watched.
            self.tree.lose(node)
            self.rounds.doubt(node)

    def _appear(self, parent: Node, name: bytes) -> None:
        """A new directory. It is watched now, and walked soon: what was made in it before its watch tells no event."""
        node = parent.child(name)
        if node is not None and node.wd >= 0:
            return
        node = node or self.tree.grow(parent, name)
        path = self.tree.path(node)
        if path is not None and self.tree.watch(node, path) is WatchResult.GONE:
            # Deleted, or one above it was renamed and the event is still to come: only another look tells.
            self.tree.drop(node)
            self.rounds.doubt(parent)
        else:
            self.rounds.soon(TreeWalk(node, "new directory"))

    def _delete(self, parent: Node, name: bytes, path: bytes, directory: bool) -> None:
        node = parent.child(name) if directory else None
        if node is not None:
            self.tree.drop(node)
        self._submit(Vanished(path, directory))

    def _leave(self, parent: Node, name: bytes, path: bytes, directory: bool, cookie: int) -> None:
        node = parent.child(name) if directory else None
        held = PendingRename(path, parent, node, directory, time.monotonic() + PAIR_SECONDS)
        if node is not None:
            held.disturbed = self.rounds.overtook(node)
            self.tree.detach(node)
        self._moves.hold(cookie, held)

    def _arrive(self, parent: Node, name: bytes, path: bytes, directory: bool, cookie: int) -> None:
        held = self._moves.pair(cookie)
        # Hints must come in the order of what happened: who left this name, or a directory that is about to have
        # another name, is told of first. If its second half comes yet, it counts as new.
        self._left(self._moves.expired(math.inf) if directory else self._moves.left(path))
        replaced = parent.child(name)
        if replaced is not None:
            self.tree.drop(replaced)
        if held is not None:
            self._submit(Moved(held.path, path, directory))
        elif not directory:
            self._submit(Dirty(path, closed=True))
        if not directory:
            return
        if held is None or held.node is None:
            self._appear(parent, name)
        else:
            self._settle(held, held.node, parent, name, path)

    def _settle(self, held: PendingRename, node: Node, parent: Node, name: bytes, path: bytes) -> None:
        """Puts a renamed directory in its new place, and asks the disk whether it is the one that we think it is:
        after an exchange, or when a walk was ahead of the queue, it is another."""
        self.tree.attach(node, parent, name)
        got = self.tree.watch(node, path)
        if got is not WatchResult.SAME:
            self.rounds.doubt(parent)
            self.rounds.doubt(held.parent)
        # Always a Rescan: a file that was told just before, or was met by a scan under way, may have been looked for
        # under the old name after the rename and before its hint, and been taken for gone. Moved alone would lose it.
        self.rounds.soon(TreeWalk(node, "renamed", deep=held.disturbed or got is WatchResult.NEW))


def is_link(path: bytes) -> bool:
    """Whether a file that was just made is complete as it is: a hard or symbolic link, which no writer will close."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISLNK(found.st_mode) or found.st_nlink > 1

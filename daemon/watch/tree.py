"""The directories that we believe are watched: a tree of names, so that renaming a directory of 100,000 is one step."""

import errno
import os
from collections.abc import Iterator
from enum import Enum

from daemon.watch.inotify import Inotify

GONE_ERRNOS = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE))


class Node:
    """One directory. `wd` is -1 while it is not watched; the root's `name` is its whole path.

    `walked`: when a walk last visited it or something below it, in monotonic seconds.
    """

    __slots__ = ("children", "name", "parent", "walked", "wd")

    def __init__(self, name: bytes, parent: "Node | None") -> None:
        self.name = name
        self.parent = parent
        self.wd = -1
        self.walked = 0.0
        self.children: dict[bytes, Node] | None = None

    def child(self, name: bytes) -> "Node | None":
        """The directory of that name, if we know of it."""
        return self.children.get(name) if self.children else None

    def top(self) -> "Node":
        """The end of the chain of parents: the root, or for what was moved away or dropped another node."""
        node = self
        while node.parent is not None:
            node = node.parent
        return node


class WatchResult(Enum):
    """What became of asking for a watch."""

    SAME = "it had this watch"
    NEW = "it has a watch that it did not have"
    GONE = "no such directory, by now"
    FAULT = "it exists and cannot be watched"


class WatchTree:
    """Which watch descriptor stands for which directory, below one root. One thread only."""

    def __init__(self, root: bytes, inotify: Inotify) -> None:
        self.root = Node(root.rstrip(b"/"), None)
        self.size = 1
        self.by_wd: dict[int, Node] = {}
        self.uncovered: dict[Node, int] = {}
        self.uncovered_changes = 0
        self.doomed: list[int] = []
        self.robbed: list[Node] = []
        self._inotify = inotify

    def path(self, node: Node) -> bytes | None:
        """Where it is now; None when it was dropped, or is on its way between two places."""
        parts = []
        while node.parent is not None:
            parts.append(node.name)
            node = node.parent
        if node is not self.root:
            return None
        parts.append(node.name)
        return b"/".join(reversed(parts)) or b"/"

    def find(self, path: bytes) -> Node:
        """The directory at `path`, or the nearest one above it that we know of."""
        node = self.root
        for name in path[len(node.name) :].split(b"/"):
            below = node.child(name)
            node = below if below is not None else node
            if name and below is None:
                break
        return node

    def grow(self, parent: Node, name: bytes) -> Node:
        """Adds a directory that is not watched yet."""
        node = Node(name, parent)
        self.size += 1
        self.attach(node, parent, name)
        return node

    def attach(self, node: Node, parent: Node, name: bytes) -> None:
        """Puts a directory, with all below it, in its place."""
        if parent.children is None:
            parent.children = {}
        node.parent, node.name = parent, name
        parent.children[name] = node

    def detach(self, node: Node) -> None:
        """Takes a directory, with all below it, out of its place; its watches stay."""
        parent = node.parent
        if parent is not None and parent.children and parent.children.get(node.name) is node:
            del parent.children[node.name]
            parent.children = parent.children or None
        node.parent = None

    def drop(self, node: Node) -> None:
        """Forgets a directory and all below it. Its watches are doomed: given up later, a slice at a time, because each
        queues a record, and 100,000 at once would overflow the queue (watchdog 7.1 livelocks that way)."""
        self.detach(node)
        for gone in self._below(node):
            self._unmap(gone)
            self._covered(gone)
            gone.parent, gone.children = None, None
            self.size -= 1

    def give_up_doomed(self, most: int) -> None:
        """Removes at most `most` doomed watches; one that found a directory again meanwhile lives on."""
        for wd in self.doomed[-most:]:
            if wd not in self.by_wd:
                self._inotify.give_up(wd)
        del self.doomed[-most:]

    def watch(self, node: Node, path: bytes) -> WatchResult:
        """Makes sure that the directory at `path` is watched and that its watch stands for `node`."""
        try:
            wd = self._inotify.add(path, root=node is self.root)
        except OSError as error:
            return self._not_watched(node, error.errno or errno.EIO)
        self._covered(node)
        other = self.by_wd.get(wd)
        if other is node:
            return WatchResult.SAME
        if other is not None and self._same_place(other, path):
            # A bind mount inside the root: one inode, one watch, two paths. Events name the first; the second is
            # scanned.
            return self._not_watched(node, errno.EEXIST)
        if other is not None:
            # It was renamed: its event is lost or still to come, or one of the two paths is not true any more.
            other.wd = -1
            self.robbed.append(other)
        self._unmap(node)
        node.wd, self.by_wd[wd] = wd, node
        return WatchResult.NEW

    def mark(self, node: Node, now: float) -> None:
        """Notes a visit by a walk, up to the root."""
        above: Node | None = node
        while above is not None:
            above.walked = now
            above = above.parent

    def uncover(self, node: Node, number: int) -> None:
        """Notes that changes below a directory will not be told, and why (an errno)."""
        self.uncovered.pop(node, None)  # to the end of the line, so that retrying a few takes turns
        self.uncovered[node] = number
        self.uncovered_changes += 1

    def lose(self, node: Node) -> None:
        """The kernel took the watch away: the directory was deleted, or its filesystem unmounted."""
        self.by_wd.pop(node.wd, None)
        node.wd = -1

    def _not_watched(self, node: Node, number: int) -> WatchResult:
        if number in GONE_ERRNOS:
            return WatchResult.GONE
        self._unmap(node)
        self.uncover(node, number)
        return WatchResult.FAULT

    def _covered(self, node: Node) -> None:
        if self.uncovered.pop(node, None) is not None:
            self.uncovered_changes += 1

    def _unmap(self, node: Node) -> None:
        if node.wd >= 0 and self.by_wd.get(node.wd) is node:
            del self.by_wd[node.wd]
            self.doomed.append(node.wd)
        node.wd = -1

    def _same_place(self, other: Node, path: bytes) -> bool:
        place = self.path(other)
        try:
            return place is not None and os.path.samestat(os.lstat(place), os.lstat(path))
        except OSError:
            return False

    @staticmethod
    def _below(node: Node) -> Iterator[Node]:
        stack = [node]
        while stack:
            node = stack.pop()
            stack.extend((node.children or {}).values())
            yield node

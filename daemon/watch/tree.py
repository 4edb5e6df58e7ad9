"""The watched directories as a tree of names, so that renaming a directory of 100,000 is one step."""

import errno
import os
from collections.abc import Iterator
from enum import Enum

from daemon.watch.inotify import Inotify

GONE_ERRNOS = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE))


class Node:
    """One directory. `wd` is its watch descriptor, -1 without a watch; the root's `name` is its whole path.

    `walked_at`: when a walk last visited it or a directory below it, in monotonic seconds.
    """

    __slots__ = ("children", "name", "parent", "walked_at", "wd")

    def __init__(self, name: bytes, parent: "Node | None") -> None:
        self.name = name
        self.parent = parent
        self.wd = -1
        self.walked_at = 0.0
        self.children: dict[bytes, Node] | None = None

    def child(self, name: bytes) -> "Node | None":
        """Return the subdirectory of that name, if it is known."""
        return self.children.get(name) if self.children else None

    def topmost(self) -> "Node":
        """Return the last of its parents: the root, unless the node or a parent of it was detached or dropped."""
        node = self
        while node.parent is not None:
            node = node.parent
        return node


class WatchResult(Enum):
    """The result of watching a directory."""

    SAME = "it had this watch"
    NEW = "it has a watch that it did not have"
    GONE = "it no longer exists"
    FAULT = "it exists and cannot be watched"


class WatchTree:
    """The directories below one root and their watch descriptors. One thread only.

    `size`: known directories. `uncovered`: those that cannot be watched, each with its errno; `uncovered_changes`
    counts changes of it. `unused_wds`: watches to remove. `displaced`: directories that lost their watch to another.
    """

    def __init__(self, root: bytes, inotify: Inotify) -> None:
        self.root = Node(root.rstrip(b"/"), None)
        self.size = 1
        self.by_wd: dict[int, Node] = {}
        self.uncovered: dict[Node, int] = {}
        self.uncovered_changes = 0
        self.unused_wds: list[int] = []
        self.displaced: list[Node] = []
        self._inotify = inotify

    def path(self, node: Node) -> bytes | None:
        """Return the current path; None for a node that was dropped or detached."""
        parts = []
        while node.parent is not None:
            parts.append(node.name)
            node = node.parent
        if node is not self.root:
            return None
        parts.append(node.name)
        return b"/".join(reversed(parts)) or b"/"

    def find(self, path: bytes) -> Node:
        """Return the directory at `path`, or the nearest known one above it."""
        node = self.root
        for name in path[len(node.name) :].split(b"/"):
            below = node.child(name)
            node = below if below is not None else node
            if name and below is None:
                break
        return node

    def add(self, parent: Node, name: bytes) -> Node:
        """Add a directory that is not watched yet."""
        node = Node(name, parent)
        self.size += 1
        self.attach(node, parent, name)
        return node

    def attach(self, node: Node, parent: Node, name: bytes) -> None:
        """Attach a directory, with everything below it, to its parent."""
        if parent.children is None:
            parent.children = {}
        node.parent, node.name = parent, name
        parent.children[name] = node

    def detach(self, node: Node) -> None:
        """Detach a directory, with everything below it, from its parent; its watches remain."""
        parent = node.parent
        if parent is not None and parent.children and parent.children.get(node.name) is node:
            del parent.children[node.name]
            parent.children = parent.children or None
        node.parent = None

    def drop(self, node: Node) -> None:
        """Forget a directory and everything below it. Its watches are removed later, a slice at a time: each removal
        queues an event, and 100,000 at once would overflow the queue (watchdog 7.1 livelocks that way).
        """
        self.detach(node)
        for dropped in self._subtree(node):
            self._clear_watch(dropped)
            self._mark_covered(dropped)
            dropped.parent, dropped.children = None, None
            self.size -= 1

    def remove_unused_watches(self, limit: int) -> None:
        """Remove at most `limit` unused watches; keep one if a directory has come to use it again."""
        for wd in self.unused_wds[-limit:]:
            if wd not in self.by_wd:
                self._inotify.remove_watch(wd)
        del self.unused_wds[-limit:]

    def watch(self, node: Node, path: bytes) -> WatchResult:
        """Watch the directory at `path`, and map its watch descriptor to `node`."""
        try:
            wd = self._inotify.add_watch(path, root=node is self.root)
        except OSError as error:
            return self._not_watched(node, error.errno or errno.EIO)
        self._mark_covered(node)
        other = self.by_wd.get(wd)
        if other is node:
            return WatchResult.SAME
        if other is not None and self._is_same_directory(other, path):
            # A bind mount inside the root: one inode, one watch, two paths. Events name the first; the second is
            # scanned.
            return self._not_watched(node, errno.EEXIST)
        if other is not None:
            # It was renamed: its event is lost or still queued, or one of the two paths is no longer valid.
            other.wd = -1
            self.displaced.append(other)
        self._clear_watch(node)
        node.wd, self.by_wd[wd] = wd, node
        return WatchResult.NEW

    def mark_walked(self, node: Node, now: float) -> None:
        """Record a visit by a walk, for the node and its parents."""
        above: Node | None = node
        while above is not None:
            above.walked_at = now
            above = above.parent

    def mark_uncovered(self, node: Node, number: int) -> None:
        """Record that changes in a directory are not reported, with the errno."""
        self.uncovered.pop(node, None)  # moves it to the end, so that retries of a few at a time reach all of them
        self.uncovered[node] = number
        self.uncovered_changes += 1

    def forget_watch(self, node: Node) -> None:
        """Record that the kernel removed the watch: the directory was deleted, or its filesystem unmounted."""
        self.by_wd.pop(node.wd, None)
        node.wd = -1

    def _not_watched(self, node: Node, number: int) -> WatchResult:
        if number in GONE_ERRNOS:
            return WatchResult.GONE
        self._clear_watch(node)
        self.mark_uncovered(node, number)
        return WatchResult.FAULT

    def _mark_covered(self, node: Node) -> None:
        if self.uncovered.pop(node, None) is not None:
            self.uncovered_changes += 1

    def _clear_watch(self, node: Node) -> None:
        if node.wd >= 0 and self.by_wd.get(node.wd) is node:
            del self.by_wd[node.wd]
            self.unused_wds.append(node.wd)
        node.wd = -1

    def _is_same_directory(self, other: Node, path: bytes) -> bool:
        other_path = self.path(other)
        try:
            return other_path is not None and os.path.samestat(os.lstat(other_path), os.lstat(path))
        except OSError:
            return False

    @staticmethod
    def _subtree(node: Node) -> Iterator[Node]:
        stack = [node]
        while stack:
            node = stack.pop()
            stack.extend((node.children or {}).values())
            yield node

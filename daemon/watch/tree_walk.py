"""Bringing the watches in line with the disk, a few directories at a time, so that events are read in between."""

import errno
import os
from dataclasses import dataclass, field

from daemon.watch.tree import GONE_ERRNOS, Node, WatchResult, WatchTree


@dataclass(slots=True, eq=False)
class TreeWalk:
    """A pass over directories that may lack a watch, and what to say of `top` when it ends.

    `deep` visits all that is below `top`; otherwise only what turns out to be new. A `quiet` walk says something
    only if it found a directory that was not watched (`found` counts those), a `silent` one never. `doubts` changed
    under the walk and need another look; `skipped` were dropped, or on their way between two places.
    """

    top: Node
    why: str
    deep: bool = False
    quiet: bool = False
    silent: bool = False
    found: int = 0
    root_is_gone: bool = False
    stack: list[Node] = field(default_factory=list)
    doubts: list[Node] = field(default_factory=list)
    skipped: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stack.append(self.top)

    @property
    def worth_telling(self) -> bool:
        """Whether files may have come to be where nothing watched."""
        return not self.silent and (self.found > 0 or not self.quiet)

    def step(self, tree: WatchTree) -> None:
        """Visits one directory. The watch comes before the listing: what is made in between is then seen twice, where
        the other order would miss it."""
        node = self.stack.pop()
        path = tree.path(node)
        if path is None:
            self.skipped.append(node)
            return
        got = tree.watch(node, path)
        self.found += got is WatchResult.NEW
        if got is WatchResult.GONE:
            self._gone(tree, node)
        elif got is not WatchResult.FAULT:
            # Below a directory that had another watch before, or none, nobody knows what changed.
            self._list(tree, node, path, every=self.deep or got is WatchResult.NEW)

    def _gone(self, tree: WatchTree, node: Node) -> None:
        """Deleted, or renamed with the event still in the queue: then its watch is good, and its parent is asked
        again."""
        if node.parent is None:
            self.root_is_gone = True
            return
        self.doubts.append(node.parent)
        if node.wd < 0:
            tree.drop(node)

    def _list(self, tree: WatchTree, node: Node, path: bytes, *, every: bool) -> None:
        try:
            names = subdirectories(path)
        except OSError as error:
            if error.errno in GONE_ERRNOS:
                self.doubts.append(node)
            else:
                tree.uncover(node, error.errno or errno.EIO)
            return
        self._compare(tree, node, names, every=every)

    def _compare(self, tree: WatchTree, node: Node, names: set[bytes], *, every: bool) -> None:
        for lost in [child for name, child in (node.children or {}).items() if name not in names]:
            tree.drop(lost)
        for name in names:
            child = node.child(name)
            if every or child is None or child.wd < 0:
                self.stack.append(child or tree.grow(node, name))


def subdirectories(path: bytes) -> set[bytes]:
    """The names of the directories in `path`, symbolic links left out. Raises OSError, also for one entry alone."""
    with os.scandir(path) as entries:
        return {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}

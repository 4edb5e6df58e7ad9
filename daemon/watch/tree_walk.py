"""Walks that bring the watches in line with the disk, one directory at a time, so that events are read in between."""

import errno
import os
from dataclasses import dataclass, field

from daemon.watch.tree import GONE_ERRNOS, Node, WatchResult, WatchTree


@dataclass(slots=True, eq=False)
class TreeWalk:
    """A pass over directories that may lack a watch. A Rescan of `top`, for `reason`, may be due at its end.

    `deep`: visit everything below `top`; otherwise only directories that are new. `quiet`: a Rescan is due only if
    a directory was found without a watch (`new_watches` counts them); `silent`: it never is. `rechecks` changed
    during the walk and need another visit; `skipped` were dropped, or their rename was pending.
    """

    top: Node
    reason: str
    deep: bool = False
    quiet: bool = False
    silent: bool = False
    new_watches: int = 0
    root_is_gone: bool = False
    stack: list[Node] = field(default_factory=list)
    rechecks: list[Node] = field(default_factory=list)
    skipped: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stack.append(self.top)

    @property
    def needs_rescan(self) -> bool:
        """Whether files may have been created in a directory that was not watched."""
        return not self.silent and (self.new_watches > 0 or not self.quiet)

    def step(self, tree: WatchTree) -> None:
        """Visit a directory. Watch it before listing it: what is created in between is seen twice, and not missed."""
        node = self.stack.pop()
        path = tree.path(node)
        if path is None:
            self.skipped.append(node)
            return
        result = tree.watch(node, path)
        self.new_watches += result is WatchResult.NEW
        if result is WatchResult.GONE:
            self._handle_gone(tree, node)
        elif result is not WatchResult.FAULT:
            # What changed below a directory that had another watch before, or none, is unknown.
            self._list(tree, node, path, every=self.deep or result is WatchResult.NEW)

    def _handle_gone(self, tree: WatchTree, node: Node) -> None:
        """Handle a missing directory: deleted, or renamed with the event still in the queue. In the latter case its
        watch is valid, so recheck its parent.
        """
        if node.parent is None:
            self.root_is_gone = True
            return
        self.rechecks.append(node.parent)
        if node.wd < 0:
            tree.drop(node)

    def _list(self, tree: WatchTree, node: Node, path: bytes, *, every: bool) -> None:
        try:
            names = subdirectory_names(path)
        except OSError as error:
            if error.errno in GONE_ERRNOS:
                self.rechecks.append(node)
            else:
                tree.mark_uncovered(node, error.errno or errno.EIO)
            return
        self._update_children(tree, node, names, every=every)

    def _update_children(self, tree: WatchTree, node: Node, names: set[bytes], *, every: bool) -> None:
        for missing in [child for name, child in (node.children or {}).items() if name not in names]:
            tree.drop(missing)
        for name in names:
            child = node.child(name)
            if every or child is None or child.wd < 0:
                self.stack.append(child or tree.add(node, name))


def subdirectory_names(path: bytes) -> set[bytes]:
    """Return the names of the directories in `path`, without symbolic links. Raises OSError, even for one entry."""
    with os.scandir(path) as entries:
        return {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}

"""A walk goes by paths, and a path may lead elsewhere before the record that says so is digested."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.watch import tree_walk
from daemon.watch.event_translator import EventTranslator
from daemon.watch.hints import Hint, Rescan
from daemon.watch.inotify import Inotify
from tests.support.hint_recorder import until


class Slow:
    """A watched root that reads and walks only when told to."""

    def __init__(self, root: bytes) -> None:
        self.root = root
        self.hints: list[Hint] = []
        self.inotify = Inotify()
        self.translator = EventTranslator(root, self.inotify, self.hints.append)
        self.translator.open()

    def read(self) -> None:
        for record in self.inotify.read(0.0):
            self.translator.translate(record)
        self.translator.rewalks.set_processed(self.inotify.drained_at)

    def believed(self) -> set[bytes | None]:
        """The paths of the directories whose watch is in place."""
        return {self.translator.tree.path(node) for node in self.translator.tree.by_wd.values()}

    def settles(self) -> bool:
        """Whether in the end all that is on disk is watched, and nothing else."""

        def true() -> bool:
            self.read()
            self.translator.run_slice()
            on_disk = {path for path, _, _ in os.walk(self.root)}
            quiet = self.translator.rewalks.seconds_until_due() is None
            return quiet and self.believed() == on_disk and self.inotify.kernel_watch_count() == len(on_disk)

        return until(true, 2.0)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Slow]:
    root = os.fsencode(tmp_path)
    os.makedirs(root + b"/a/n/deep/er")
    slow = Slow(root)
    yield slow
    slow.inotify.close()


def before_listing(monkeypatch: pytest.MonkeyPatch, path: bytes, act: Callable[[], object]) -> None:
    """Does something once, after the watch on `path` and before its listing."""
    listing = tree_walk.subdirectory_names
    once = [act]

    def late(listed: bytes) -> set[bytes]:
        if listed == path and once:
            once.pop()()
        return listing(listed)

    monkeypatch.setattr(tree_walk, "subdirectory_names", late)


def swap(root: bytes) -> None:
    """Another tree takes the name of `a`."""
    os.rename(root + b"/a", root + b"/b")
    os.makedirs(root + b"/a/n/other")


def test_a_path_that_leads_elsewhere_between_watch_and_listing(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    """The listing of another directory says that `deep` is gone; only the rename of the parent is still told."""
    slow.translator.rewalks.recheck(slow.translator.tree.find(slow.root + b"/a/n"))
    before_listing(monkeypatch, slow.root + b"/a/n", lambda: swap(slow.root))

    def lost() -> bool:
        slow.translator.run_slice()
        return slow.root + b"/a/n/deep" not in slow.believed()

    assert until(lost)
    assert slow.settles(), slow.believed()
    assert Rescan(slow.root + b"/b", "renamed") in slow.hints


def test_a_path_that_leads_elsewhere_before_the_watch(slow: Slow) -> None:
    """The directory gets the watch of another one, and what it holds is given up."""
    os.makedirs(slow.root + b"/a/n/new/below")
    slow.read()
    swap(slow.root)
    os.makedirs(slow.root + b"/a/n/new")
    slow.translator.run_slice()
    assert slow.settles(), slow.believed()


def test_a_directory_that_lost_its_watch_to_another_is_looked_at_again(slow: Slow) -> None:
    """No record tells of it: the first walk of `c` robs what is still believed to be below `a`."""
    tree = slow.translator.tree
    os.mkdir(slow.root + b"/c")
    slow.read()
    node = tree.find(slow.root + b"/a/n/deep")
    stranger = tree.add(tree.find(slow.root + b"/c"), b"deep")
    os.rename(slow.root + b"/a/n/deep", slow.root + b"/c/deep")
    tree.watch(stranger, slow.root + b"/c/deep")
    assert node.wd == -1
    os.rename(slow.root + b"/c/deep", slow.root + b"/a/n/deep")
    slow.inotify.read(0.0)  # their records are lost
    assert slow.settles(), slow.believed()


def test_a_walk_that_meets_a_directory_on_its_way(slow: Slow) -> None:
    """What the walk skips is noted at once: when the walk ends, the second half of the rename may be digested."""
    rewalks, tree = slow.translator.rewalks, slow.translator.tree
    walk = tree_walk.TreeWalk(tree.root, "test", deep=True)
    on_its_way = tree.find(slow.root + b"/a")
    tree.detach(on_its_way)
    walk.stack.append(on_its_way)
    rewalks.walk_next(walk)
    rewalks._step(walk)
    assert walk.stack and rewalks.skipped == [on_its_way]

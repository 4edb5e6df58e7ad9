"""A walk uses paths, and a path may lead elsewhere before the event of its rename is processed."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.watch import tree_walk
from daemon.watch.event_translator import EventTranslator
from daemon.watch.hints import Hint, Rescan
from daemon.watch.inotify import Inotify
from tests.support.waiting import wait_until


class ManualRoot:
    """A watched root that reads events and walks only on demand."""

    def __init__(self, root: bytes) -> None:
        self.root = root
        self.hints: list[Hint] = []
        self.inotify = Inotify()
        self.translator = EventTranslator(root, self.inotify, self.hints.append)
        self.translator.open()

    def read(self) -> None:
        for event in self.inotify.read(0.0):
            self.translator.translate(event)
        self.translator.rewalks.set_processed(self.inotify.drained_at)

    def watched_paths(self) -> set[bytes | None]:
        """Return the paths of the directories that count as watched."""
        return {self.translator.tree.path(node) for node in self.translator.tree.by_wd.values()}

    def settles(self) -> bool:
        """Return whether in the end every directory on disk is watched, and nothing else."""

        def true() -> bool:
            self.read()
            self.translator.run_slice()
            on_disk = {path for path, _, _ in os.walk(self.root)}
            quiet = self.translator.rewalks.seconds_until_due() is None
            return quiet and self.watched_paths() == on_disk and self.inotify.kernel_watch_count() == len(on_disk)

        return wait_until(true, 2.0)


@pytest.fixture
def manual(tmp_path: Path) -> Iterator[ManualRoot]:
    root = os.fsencode(tmp_path)
    os.makedirs(root + b"/a/n/deep/er")
    manual = ManualRoot(root)
    yield manual
    manual.inotify.close()


def before_listing(monkeypatch: pytest.MonkeyPatch, path: bytes, act: Callable[[], object]) -> None:
    """Call `act` once, after `path` is watched and before it is listed."""
    listing = tree_walk.subdirectory_names
    once = [act]

    def late(listed: bytes) -> set[bytes]:
        if listed == path and once:
            once.pop()()
        return listing(listed)

    monkeypatch.setattr(tree_walk, "subdirectory_names", late)


def swap(root: bytes) -> None:
    """Move `a` away and create another tree under its name."""
    os.rename(root + b"/a", root + b"/b")
    os.makedirs(root + b"/a/n/other")


def test_a_path_that_leads_elsewhere_between_watch_and_listing(
    manual: ManualRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listing is of another directory without `deep`; only the event of the parent's rename is still to come."""
    manual.translator.rewalks.recheck(manual.translator.tree.find(manual.root + b"/a/n"))
    before_listing(monkeypatch, manual.root + b"/a/n", lambda: swap(manual.root))

    def lost() -> bool:
        manual.translator.run_slice()
        return manual.root + b"/a/n/deep" not in manual.watched_paths()

    assert wait_until(lost)
    assert manual.settles(), manual.watched_paths()
    assert Rescan(manual.root + b"/b", "renamed") in manual.hints


def test_a_path_that_leads_elsewhere_before_the_watch(manual: ManualRoot) -> None:
    """The directory gets the watch of another one, and the watches below it are removed."""
    os.makedirs(manual.root + b"/a/n/new/below")
    manual.read()
    swap(manual.root)
    os.makedirs(manual.root + b"/a/n/new")
    manual.translator.run_slice()
    assert manual.settles(), manual.watched_paths()


def test_a_directory_that_lost_its_watch_to_another_is_rechecked(manual: ManualRoot) -> None:
    """No event reports it: the first walk of `c` takes the watch of a directory that still counts as below `a`."""
    tree = manual.translator.tree
    os.mkdir(manual.root + b"/c")
    manual.read()
    node = tree.find(manual.root + b"/a/n/deep")
    other = tree.add(tree.find(manual.root + b"/c"), b"deep")
    os.rename(manual.root + b"/a/n/deep", manual.root + b"/c/deep")
    tree.watch(other, manual.root + b"/c/deep")
    assert node.wd == -1
    os.rename(manual.root + b"/c/deep", manual.root + b"/a/n/deep")
    manual.inotify.read(0.0)  # their events are lost
    assert manual.settles(), manual.watched_paths()


def test_a_walk_that_finds_a_directory_with_a_pending_rename(manual: ManualRoot) -> None:
    """A skipped directory is noted at once: when the walk ends, the second half of its rename may be processed."""
    rewalks, tree = manual.translator.rewalks, manual.translator.tree
    walk = tree_walk.TreeWalk(tree.root, "test", deep=True)
    renaming = tree.find(manual.root + b"/a")
    tree.detach(renaming)
    walk.stack.append(renaming)
    rewalks.walk_next(walk)
    rewalks._step(walk)
    assert walk.stack and rewalks.skipped == [renaming]

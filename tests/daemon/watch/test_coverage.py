"""Directories that cannot be watched are reported by the check, and watched as soon as possible."""

import errno
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.watch.coverage import coverage_problem, fewest_subtrees
from daemon.watch.hints import Rescan
from daemon.watch.inotify import Inotify
from daemon.watch.tree import WatchTree
from tests.support.hint_recorder import record_hints
from tests.support.waiting import wait_until

# Limits of a user namespace of its own: nobody else's are touched.
NAMESPACE = """
import ctypes, json, os, sys
from tests.support.hint_recorder import record_hints, write
from tests.support.waiting import wait_until
from daemon.watch.hints import Rescan

root = os.fsencode(sys.argv[1])

def limit(what, count):
    try:
        with open(f"/proc/sys/user/max_inotify_{what}", "w") as file:
            file.write(str(count))
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(77)

new_user = 0x10000000
if ctypes.CDLL(None, use_errno=True).unshare(new_user) != 0:
    sys.exit(77)
"""

NO_INSTANCE = (
    NAMESPACE
    + """
limit("instances", 0)
with record_hints(root) as recorder:
    first = recorder.check()
    limit("instances", 5)
    recorder.watcher.add(root)
    json.dump({"alive": first.alive, "problem": first.problem, "later": recorder.check().alive}, sys.stdout)
"""
)

LIMITED = (
    NAMESPACE
    + """
limit("watches", 50)
with record_hints(root) as recorder:
    first = recorder.check()
    os.mkdir(root + b"/late")
    assert recorder.receives(Rescan(root + b"/late", "new directory"))
    limit("watches", 10000)
    healed = wait_until(lambda: not recorder.check().uncovered)
    rescanned = [hint.path for hint in recorder.hints if isinstance(hint, Rescan) and hint.reason == "watched at last"]
    last = recorder.check()
    json.dump({
        "first": [first.alive, first.directories, first.watched, [os.fsdecode(p) for p in first.uncovered],
                  first.problem],
        "healed": healed, "rescanned": len(rescanned), "last": [last.directories, last.watched, last.problem],
    }, sys.stdout)
"""
)

UNREADABLE = """
import json, os, sys
from tests.support.hint_recorder import record_hints, write
from tests.support.waiting import wait_until
from daemon.watch.hints import Dirty

root = os.fsencode(sys.argv[1])
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
with record_hints(root) as recorder:
    first = recorder.check()
    os.chmod(root + b"/own", 0o755)
    healed = wait_until(lambda: not recorder.check().uncovered)
    write(root + b"/own/deep/f")
    json.dump({
        "alive": first.alive, "uncovered": [os.fsdecode(p) for p in first.uncovered], "problem": first.problem,
        "healed": healed, "heard": recorder.receives(Dirty(root + b"/own/deep/f", closed=True)),
    }, sys.stdout)
"""


def ran(code: str, *arguments: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments], capture_output=True, text=True, timeout=60
    )
    if done.returncode == 77:
        pytest.skip(f"no user namespace with a watch limit of its own here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_directories_over_the_watch_limit_are_uncovered_and_watched_later(tmp_path: Path) -> None:
    for n in range(200):
        (tmp_path / f"d{n}" / "below").mkdir(parents=True)
    found = ran(LIMITED, str(tmp_path))
    assert isinstance(found["first"], list)
    alive, directories, watched, uncovered, word = found["first"]
    assert alive and watched == 50 < directories
    assert uncovered == [str(tmp_path)]  # more than 100 subtrees: the root stands for them
    assert "fs.inotify.max_user_watches" in word
    assert found["healed"] and found["rescanned"]
    assert found["last"] == [402, 402, ""]


def test_a_small_shortfall_is_reported_by_subtree(tmp_path: Path) -> None:
    for n in range(60):
        (tmp_path / f"d{n}").mkdir()
    found = ran(LIMITED, str(tmp_path))
    assert isinstance(found["first"], list)
    _, directories, watched, uncovered, word = found["first"]
    assert (directories, watched, len(uncovered)) == (61, 50, 11)
    assert word.startswith("11 of 61 directories are not watched")


def test_unreadable_directories_are_uncovered_and_watched_later(tmp_path: Path) -> None:
    own = tmp_path / "own" / "deep"
    own.mkdir(parents=True)
    if os.geteuid() == 0:
        for path in (tmp_path, own.parent, own):
            os.chown(path, 65534, 65534)
        for path in (tmp_path, *tmp_path.parents):
            if not path.stat().st_mode & 0o001:
                if not str(path).startswith(str(tmp_path.parent.parent)):
                    pytest.skip(f"{path} is closed to an ordinary user")
                path.chmod(0o711)
    own.parent.chmod(0)
    found = ran(UNREADABLE, str(tmp_path))
    assert found == {
        "alive": True,
        "uncovered": [str(tmp_path / "own")],
        "problem": "1 of 2 directories are not watched: the service has no permission to read them",
        "healed": True,
        "heard": True,
    }


def test_a_lack_of_inotify_instances_is_reported(tmp_path: Path) -> None:
    found = ran(NO_INSTANCE, str(tmp_path))
    assert found["alive"] is False
    assert "max_user_instances" in str(found["problem"])
    assert found["later"] is True


def test_lost_watches_are_added_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No watch should be lost unnoticed; the check compares with the kernel all the same."""
    trees: list[WatchTree] = []
    created = WatchTree.__init__

    def noted(self: WatchTree, root: bytes, inotify: Inotify) -> None:
        created(self, root, inotify)
        trees.append(self)

    monkeypatch.setattr(WatchTree, "__init__", noted)
    (tmp_path / "sub").mkdir()
    with record_hints(os.fsencode(tmp_path)) as recorder:
        trees[0].by_wd[99999] = trees[0].root  # a belief that the kernel does not share
        lost = Rescan(recorder.root, "watches were lost")
        assert wait_until(lambda: recorder.check().alive and lost in recorder.hints)


@given(st.sets(st.lists(st.sampled_from([b"a", b"a!", b"b"]), max_size=5).map(tuple)), st.integers(1, 5))
def test_fewest_subtrees_contain_every_path_once(parts: set[tuple[bytes, ...]], most: int) -> None:
    paths = {b"/".join((b"/root", *names)) for names in parts}
    tops = fewest_subtrees(paths, most)
    assert len(tops) <= most
    for path in paths:
        assert sum(path == top or path.startswith(top + b"/") for top in tops) == 1
    if len(paths) <= most:
        assert set(tops) <= paths


def test_the_problem_names_the_remedy() -> None:
    assert coverage_problem(10, []) == ""
    assert "max_user_watches" in coverage_problem(10, [errno.ENOSPC] * 3)
    assert coverage_problem(10, [errno.EIO]) == f"1 of 10 directories are not watched: {os.strerror(errno.EIO)}"

"""`catalog root`, and what `catalog init` says about special roots."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.filesystem.volume_identity import MARKER_NAME
from tests.support.mounts import mounted
from tests.support.running_service import Household, picture, until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    """Yield two roots with images 1, 2 and 2, 3, all read."""
    made = Household(tmp_path, roots=2)
    for number, seeds in ((0, (1, 2)), (1, (2, 3))):
        for seed in seeds:
            (place(made, f"root{number}") / f"{seed}.png").write_bytes(picture(seed))
    assert made.once().returncode == 0
    yield made
    made.close()


def place(house: Household, name: str) -> Path:
    return house.folder / name


def catalog(house: Household, *arguments: object, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("catalog")
    call = [str(program), "--config", str(house.config_path), *map(str, arguments)]
    return subprocess.run(call, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)


def listed(house: Household) -> dict[str, tuple[str, int]]:
    """Return state and number of files of each root by its name."""
    done = catalog(house, "root", "list", "--json")
    assert done.returncode == 0, done.stderr
    records = map(json.loads, done.stdout.splitlines())
    return {Path(record["path"]).name: (record["state"], record["files"]) for record in records}


def roots(house: Household) -> list[str]:
    return [Path(os.fsdecode(root)).name for root in house.config.roots]


def test_list_shows_every_root_with_its_guard(house: Household) -> None:
    assert listed(house) == {"root0": ("present", 2), "root1": ("present", 2)}
    table = catalog(house, "root", "list").stdout
    assert str(place(house, "root0")) in table and "marker" in table


def test_list_shows_dropped_and_absent_roots(house: Household) -> None:
    text = house.config_path.read_text("utf-8")
    new = place(house, "new")
    house.config_path.write_text(text.replace(str(place(house, "root1")), str(new)), "utf-8")
    assert listed(house) == {"root0": ("present", 2), "root1": ("dropped", 2), "new": ("new", 0)}
    shutil.rmtree(place(house, "root0"))
    assert house.once().returncode == 4
    assert listed(house) == {"root0": ("unreachable", 2), "root1": ("dropped", 2), "new": ("unreachable", 0)}


def test_add_takes_a_directory_in(house: Household) -> None:
    new = place(house, "new")
    new.mkdir()
    (new / "7.png").write_bytes(picture(7))
    done = catalog(house, "root", "add", new)
    assert done.returncode == 0, done.stderr
    assert (new / os.fsdecode(MARKER_NAME)).exists() and roots(house) == ["root0", "root1", "new"]
    assert house.once().returncode == 0
    assert listed(house)["new"] == ("present", 1)


@pytest.mark.parametrize(("path", "code", "word"), [("none", 4, "is not a directory"), ("root0/sub", 2, "is inside")])
def test_add_refuses_what_cannot_be_a_root(house: Household, path: str, code: int, word: str) -> None:
    (place(house, "root0") / "sub").mkdir()
    before = house.config_path.read_bytes()
    done = catalog(house, "root", "add", place(house, path))
    assert (done.returncode, house.config_path.read_bytes()) == (code, before)
    assert word in done.stderr and "remedy: " in done.stderr


def test_rename_moves_files_with_all_that_is_known(house: Household) -> None:
    before = house.rows("SELECT id, content, first_seen, last_verified FROM file ORDER BY id")
    place(house, "root0").rename(place(house, "photos"))
    done = catalog(house, "root", "rename", place(house, "root0"), place(house, "photos"))
    assert done.returncode == 0, done.stderr
    assert roots(house) == ["photos", "root1"]
    assert listed(house) == {"photos": ("present", 2), "root1": ("present", 2)}
    assert house.once().returncode == 0
    assert house.rows("SELECT id, content, first_seen, last_verified FROM file ORDER BY id") == before
    assert house.findings() == []


def test_rename_follows_a_read_only_root_without_a_marker(house: Household) -> None:
    (place(house, "root0") / os.fsdecode(MARKER_NAME)).unlink()
    assert catalog(house, "init", place(house, "root0")).returncode == 0
    (place(house, "root0") / os.fsdecode(MARKER_NAME)).unlink()
    place(house, "root0").rename(place(house, "photos"))
    done = catalog(house, "root", "rename", place(house, "root0"), place(house, "photos"))
    assert done.returncode == 0, done.stderr
    assert house.once().returncode == 0
    assert listed(house) == {"photos": ("present", 2), "root1": ("present", 2)}


@pytest.mark.parametrize(
    ("old", "new", "code", "word"),
    [
        ("root0", "none", 4, "is not a directory"),
        ("none", "other", 2, "is not a known root"),
        ("root0", "root1", 2, "is a root already"),
        ("root0", "root0", 2, "is a root already"),
        ("root0", "other", 2, "does not hold the files of"),
        ("root0", "root1/sub", 2, "is inside"),
    ],
)
def test_rename_refuses_and_changes_nothing(house: Household, old: str, new: str, code: int, word: str) -> None:
    place(house, "other").mkdir()
    (place(house, "root1") / "sub").mkdir()
    before = house.config_path.read_bytes()
    done = catalog(house, "root", "rename", place(house, old), place(house, new))
    assert (done.returncode, house.config_path.read_bytes()) == (code, before), done.stderr
    assert word in done.stderr and "remedy: " in done.stderr
    assert listed(house) == {"root0": ("present", 2), "root1": ("present", 2)}


def test_forget_deletes_what_is_known_and_keeps_labels(house: Household) -> None:
    assert catalog(house, "label", "keep", place(house, "root1") / "3.png").returncode == 0
    done = catalog(house, "root", "forget", "--yes", place(house, "root1"))
    assert done.returncode == 0, done.stderr
    assert "files with their history: 2; images that are on no other root: 1; labels, which stay: 1" in done.stderr
    assert (roots(house), listed(house)) == (["root0"], {"root0": ("present", 2)})
    assert house.rows("SELECT count(*) FROM history h JOIN file f ON f.id = h.file") == [(2,)]
    assert house.rows("SELECT value FROM label") == [("keep",)]
    assert house.findings() == []
    assert (place(house, "root1") / "3.png").exists()
    assert catalog(house, "root", "add", place(house, "root1")).returncode == 0
    assert house.once().returncode == 0
    assert listed(house) == {"root0": ("present", 2), "root1": ("present", 2)}
    assert house.findings() == []


def test_forget_works_for_a_disk_that_is_no_more(house: Household) -> None:
    shutil.rmtree(place(house, "root1"))
    assert house.once().returncode == 4
    assert catalog(house, "root", "forget", "--yes", place(house, "root1")).returncode == 0
    assert house.once().returncode == 0
    assert listed(house) == {"root0": ("present", 2)}
    assert catalog(house, "report").returncode == 0


def test_forget_asks_and_changes_nothing_without_an_answer(house: Household) -> None:
    before = house.config_path.read_bytes()
    done = catalog(house, "root", "forget", place(house, "root1"))
    assert (done.returncode, house.config_path.read_bytes()) == (2, before)
    assert "Repeat the command with --yes" in done.stderr
    assert listed(house) == {"root0": ("present", 2), "root1": ("present", 2)}
    unknown = catalog(house, "root", "forget", "--yes", place(house, "none"))
    assert unknown.returncode == 2 and "is not a known root" in unknown.stderr


def test_a_running_service_follows(house: Household) -> None:
    house.start()
    place(house, "root0").rename(place(house, "photos"))
    assert catalog(house, "root", "rename", place(house, "root0"), place(house, "photos")).returncode == 0
    done = catalog(house, "root", "forget", "--yes", place(house, "root1"))
    assert done.returncode == 0, done.stderr
    (place(house, "photos") / "8.png").write_bytes(picture(8))
    assert until(lambda: listed(house) == {"photos": ("present", 3)}), (listed(house), house.tail())
    assert catalog(house, "root", "add", place(house, "root1")).returncode == 0
    assert until(lambda: listed(house) == {"photos": ("present", 3), "root1": ("present", 2)}), house.tail()
    assert until(lambda: not house.busy()), house.busy()
    assert house.stop() == 0
    assert house.findings() == []


def test_init_follows_a_root_to_its_new_path(house: Household) -> None:
    place(house, "root0").rename(place(house, "photos"))
    done = catalog(house, "init", place(house, "photos"))
    assert done.returncode == 0, done.stderr
    assert f"{place(house, 'root0')} is {place(house, 'photos')} now" in done.stderr
    assert sorted(roots(house)) == ["photos", "root1"]
    assert house.once().returncode == 0
    assert listed(house) == {"photos": ("present", 2), "root1": ("present", 2)}


def test_init_says_that_two_roots_have_the_same_marker(house: Household) -> None:
    shutil.copytree(place(house, "root0"), place(house, "copy"))
    done = catalog(house, "init", place(house, "copy"))
    assert f"{place(house, 'copy')} has the same marker as {place(house, 'root0')}" in done.stderr
    (place(house, "copy") / os.fsdecode(MARKER_NAME)).unlink()
    assert "same marker" not in catalog(house, "init", place(house, "copy")).stderr


def test_init_says_what_guards_a_read_only_root(house: Household) -> None:
    locked = place(house, "locked")
    locked.mkdir()
    with mounted(os.fsencode(locked), "-t", "tmpfs", "-o", "ro", "none"):
        done = catalog(house, "init", locked)
        assert done.returncode == 0, done.stderr
        assert "its marker .catalogd-root could not be placed" in done.stderr
        assert "recognised by its filesystem (tmpfs:" in done.stderr
        assert house.once().returncode == 0
    assert house.once().returncode == 4
    assert listed(house)["locked"][0] == "unreachable"

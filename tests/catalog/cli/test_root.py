"""`catalog root`, and what `catalog init` says about special roots."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.config.edit import remove_root
from catalog.files import forget_root
from catalog.filesystem.volume_identity import MARKER_NAME
from catalog.store.database import Database
from tests.support.mounts import mounted
from tests.support.running_service import RunningService, picture
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    """Yield two roots with images 1, 2 and 2, 3, all read."""
    made = RunningService(tmp_path, roots=2)
    for number, seeds in ((0, (1, 2)), (1, (2, 3))):
        for seed in seeds:
            (place(made, f"root{number}") / f"{seed}.png").write_bytes(picture(seed))
    assert made.once().returncode == 0
    yield made
    made.close()


def place(service: RunningService, name: str) -> Path:
    return service.folder / name


def catalog(service: RunningService, *arguments: object, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("catalog")
    call = [str(program), "--config", str(service.config_path), *map(str, arguments)]
    return subprocess.run(call, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)


def listed(service: RunningService) -> dict[str, tuple[str, int]]:
    """Return state and number of files of each root by its name."""
    done = catalog(service, "root", "list", "--json")
    assert done.returncode == 0, done.stderr
    records = map(json.loads, done.stdout.splitlines())
    return {Path(record["path"]).name: (record["state"], record["files"]) for record in records}


def roots(service: RunningService) -> list[str]:
    return [Path(os.fsdecode(root)).name for root in service.config.roots]


def test_list_shows_every_root_with_its_guard(service: RunningService) -> None:
    assert listed(service) == {"root0": ("present", 2), "root1": ("present", 2)}
    table = catalog(service, "root", "list").stdout
    assert str(place(service, "root0")) in table and "marker" in table


def test_list_shows_dropped_and_absent_roots(service: RunningService) -> None:
    text = service.config_path.read_text("utf-8")
    new = place(service, "new")
    service.config_path.write_text(text.replace(str(place(service, "root1")), str(new)), "utf-8")
    assert listed(service) == {"root0": ("present", 2), "root1": ("dropped", 2), "new": ("new", 0)}
    shutil.rmtree(place(service, "root0"))
    assert service.once().returncode == 4
    assert listed(service) == {"root0": ("unreachable", 2), "root1": ("dropped", 2), "new": ("unreachable", 0)}


def test_add_takes_a_directory_in(service: RunningService) -> None:
    new = place(service, "new")
    new.mkdir()
    (new / "7.png").write_bytes(picture(7))
    done = catalog(service, "root", "add", new)
    assert done.returncode == 0, done.stderr
    assert (new / os.fsdecode(MARKER_NAME)).exists() and roots(service) == ["root0", "root1", "new"]
    assert service.once().returncode == 0
    assert listed(service)["new"] == ("present", 1)


@pytest.mark.parametrize(("path", "code", "word"), [("none", 4, "is not a directory"), ("root0/sub", 2, "is inside")])
def test_add_refuses_what_cannot_be_a_root(service: RunningService, path: str, code: int, word: str) -> None:
    (place(service, "root0") / "sub").mkdir()
    before = service.config_path.read_bytes()
    done = catalog(service, "root", "add", place(service, path))
    assert (done.returncode, service.config_path.read_bytes()) == (code, before)
    assert word in done.stderr and "remedy: " in done.stderr


def test_rename_moves_files_with_all_that_is_known(service: RunningService) -> None:
    before = service.rows("SELECT id, content, first_seen, last_verified FROM file ORDER BY id")
    place(service, "root0").rename(place(service, "photos"))
    done = catalog(service, "root", "rename", place(service, "root0"), place(service, "photos"))
    assert done.returncode == 0, done.stderr
    assert roots(service) == ["photos", "root1"]
    assert listed(service) == {"photos": ("present", 2), "root1": ("present", 2)}
    assert service.once().returncode == 0
    assert service.rows("SELECT id, content, first_seen, last_verified FROM file ORDER BY id") == before
    assert service.findings() == []


def test_rename_follows_a_read_only_root_without_a_marker(service: RunningService) -> None:
    (place(service, "root0") / os.fsdecode(MARKER_NAME)).unlink()
    assert catalog(service, "init", place(service, "root0")).returncode == 0
    (place(service, "root0") / os.fsdecode(MARKER_NAME)).unlink()
    place(service, "root0").rename(place(service, "photos"))
    done = catalog(service, "root", "rename", place(service, "root0"), place(service, "photos"))
    assert done.returncode == 0, done.stderr
    assert service.once().returncode == 0
    assert listed(service) == {"photos": ("present", 2), "root1": ("present", 2)}


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
def test_rename_refuses_and_changes_nothing(service: RunningService, old: str, new: str, code: int, word: str) -> None:
    place(service, "other").mkdir()
    (place(service, "root1") / "sub").mkdir()
    before = service.config_path.read_bytes()
    done = catalog(service, "root", "rename", place(service, old), place(service, new))
    assert (done.returncode, service.config_path.read_bytes()) == (code, before), done.stderr
    assert word in done.stderr and "remedy: " in done.stderr
    assert listed(service) == {"root0": ("present", 2), "root1": ("present", 2)}


def test_forget_deletes_what_is_known_and_keeps_labels(service: RunningService) -> None:
    assert catalog(service, "label", "keep", place(service, "root1") / "3.png").returncode == 0
    done = catalog(service, "root", "forget", "--yes", place(service, "root1"))
    assert done.returncode == 0, done.stderr
    assert "files with their history: 2; images that are on no other root: 1; labels, which stay: 1" in done.stderr
    assert (roots(service), listed(service)) == (["root0"], {"root0": ("present", 2)})
    assert service.rows("SELECT count(*) FROM history h JOIN file f ON f.id = h.file") == [(2,)]
    assert service.rows("SELECT value FROM label") == [("keep",)]
    assert service.findings() == []
    assert (place(service, "root1") / "3.png").exists()
    assert catalog(service, "root", "add", place(service, "root1")).returncode == 0
    assert service.once().returncode == 0
    assert listed(service) == {"root0": ("present", 2), "root1": ("present", 2)}
    assert service.findings() == []


def test_forget_works_for_a_disk_that_is_no_more(service: RunningService) -> None:
    shutil.rmtree(place(service, "root1"))
    assert service.once().returncode == 4
    assert catalog(service, "root", "forget", "--yes", place(service, "root1")).returncode == 0
    assert service.once().returncode == 0
    assert listed(service) == {"root0": ("present", 2)}
    assert catalog(service, "report").returncode == 0


def test_forget_asks_and_changes_nothing_without_an_answer(service: RunningService) -> None:
    before = service.config_path.read_bytes()
    done = catalog(service, "root", "forget", place(service, "root1"))
    assert (done.returncode, service.config_path.read_bytes()) == (2, before)
    assert "Repeat the command with --yes" in done.stderr
    assert listed(service) == {"root0": ("present", 2), "root1": ("present", 2)}
    unknown = catalog(service, "root", "forget", "--yes", place(service, "none"))
    assert unknown.returncode == 2 and "is not a known root" in unknown.stderr


def test_a_running_service_follows(service: RunningService) -> None:
    service.start()
    place(service, "root0").rename(place(service, "photos"))
    assert catalog(service, "root", "rename", place(service, "root0"), place(service, "photos")).returncode == 0
    done = catalog(service, "root", "forget", "--yes", place(service, "root1"))
    assert done.returncode == 0, done.stderr
    (place(service, "photos") / "8.png").write_bytes(picture(8))
    assert wait_until(lambda: listed(service) == {"photos": ("present", 3)}), (listed(service), service.tail())
    assert catalog(service, "root", "add", place(service, "root1")).returncode == 0
    assert wait_until(lambda: listed(service) == {"photos": ("present", 3), "root1": ("present", 2)}), service.tail()
    assert wait_until(lambda: not service.busy()), service.busy()
    assert service.stop() == 0
    assert service.findings() == []


def test_init_follows_a_root_to_its_new_path(service: RunningService) -> None:
    place(service, "root0").rename(place(service, "photos"))
    done = catalog(service, "init", place(service, "photos"))
    assert done.returncode == 0, done.stderr
    assert f"{place(service, 'root0')} is {place(service, 'photos')} now" in done.stderr
    assert sorted(roots(service)) == ["photos", "root1"]
    assert service.once().returncode == 0
    assert listed(service) == {"photos": ("present", 2), "root1": ("present", 2)}


def test_init_says_that_two_roots_have_the_same_marker(service: RunningService) -> None:
    shutil.copytree(place(service, "root0"), place(service, "copy"))
    done = catalog(service, "init", place(service, "copy"))
    assert f"{place(service, 'copy')} has the same marker as {place(service, 'root0')}" in done.stderr
    (place(service, "copy") / os.fsdecode(MARKER_NAME)).unlink()
    assert "same marker" not in catalog(service, "init", place(service, "copy")).stderr


def test_init_says_what_guards_a_read_only_root(service: RunningService) -> None:
    locked = place(service, "locked")
    locked.mkdir()
    with mounted(os.fsencode(locked), "-t", "tmpfs", "-o", "ro", "none"):
        done = catalog(service, "init", locked)
        assert done.returncode == 0, done.stderr
        assert "its marker .catalogd-root could not be placed" in done.stderr
        assert "recognised by its filesystem (tmpfs:" in done.stderr
        assert service.once().returncode == 0
    assert service.once().returncode == 4
    assert listed(service)["locked"][0] == "unreachable"


def test_a_forgotten_root_leaves_in_batches_and_the_rest_can_be_forgotten_later(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place(service, "root1") / "deep").mkdir()
    for seed in range(10, 17):
        (place(service, "root1") / "deep" / f"{seed}.png").write_bytes(picture(seed))
    assert service.once().returncode == 0
    config = remove_root(service.config_path, os.fsencode(place(service, "root1")))
    assert service.once().returncode == 0
    monkeypatch.setattr(forget_root, "BATCH_FILES", 4)
    deleted = forget_root._delete_files
    batches: list[int] = []

    def delete_files(database: Database, files: list[tuple[int]]) -> None:
        batches.append(len(files))
        if len(batches) == 3:
            raise OSError("the power fails")
        deleted(database, files)

    monkeypatch.setattr(forget_root, "_delete_files", delete_files)
    with Database(config.database, write=True) as database:
        with pytest.raises(OSError, match="the power fails"):
            forget_root.forget_root(database, os.fsencode(place(service, "root1")))
        assert service.findings() == []
        assert listed(service)["root1"] == ("dropped", 1)
        assert forget_root.forget_root(database, os.fsencode(place(service, "root1"))) == 1
    assert batches == [4, 4, 1, 1, 0]
    assert service.findings() == [] and listed(service) == {"root0": ("present", 2)}

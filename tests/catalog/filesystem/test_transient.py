"""Recycle bins, version stores and snapshots: a copy there is never relied on."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.duplicates.best_copy import FileCopy
from catalog.filesystem.transient import TRANSIENT_FILES, TRANSIENT_FOLDERS, transient_reason
from catalog.trash.outcome import Refusal
from catalog.trash.plan import LABELLED_KEEP, plan_moves
from catalog.trash.records import Survivor
from catalog.trash.survivors import SurvivorVerifier
from tests.catalog.trash.test_plan import facts
from tests.support.report_service import current_report
from tests.support.running_service import RunningService, picture
from tests.support.trash_service import TrashService

USAGE = 2


def inside(name: str) -> str:
    """Return a path in a folder with this name."""
    return f"{name.replace('?', '7').replace('*', 'x')}/sub/pic.png"


def named(name: str) -> str:
    """Return a file name that matches the pattern."""
    return name.replace("*", "1714492983-pic.png")


KINDS = [*map(inside, TRANSIENT_FOLDERS), *map(named, TRANSIENT_FILES)]
# As written by these programs, found on real disks.
SEEN = [
    "$RECYCLE.BIN/S-1-5-21-1004/$RAB12CD.jpg",
    "$Recycle.Bin/S-1-5-21-1004/$RAB12CD.jpg",
    "recycler/Dc1.jpg",
    "FOUND.000/FILE0001.CHK",
    ".recycle/al/album/pic.jpg",
    "@Recycle/pic.jpg",
    "@Recently-Snapshot/GMT+02_2024-05-01_0100/pic.jpg",
    "#recycle/pic.jpg",
    "#snapshot/GMT+02-2024.05.01-01.00.00/pic.jpg",
    "@eaDir/pic.jpg/SYNOPHOTO_THUMB_XL.jpg",
    "@GMT-2024.05.01-01.00.00/pic.jpg",
    "TRASHBOX/.Trashes/501/pic.jpg",
    ".Trash-1000/files/pic.jpg",
    ".Trash/1000/files/pic.jpg",
    ".trash/pic.jpg",
    ".local/share/Trash/files/pic.jpg",
    "album/.stversions/pic~20240501-010000.jpg",
    ".snapshots/41/snapshot/pic.jpg",
    ".snapshot/hourly.0/pic.jpg",
    "~snapshot/hourly.0/pic.jpg",
    ".zfs/snapshot/auto-2024/pic.jpg",
    "timeshift/snapshots/2024-05-01_01-00-01/localhost/pic.jpg",
    ".sync/Archive/pic.jpg",
    ".dtrash/files/pic.jpg",
    "al/files_trashbin/files/pic.jpg.d1714492983",
    "al/files_versions/pic.jpg.v1714492983",
    ".trashed-1714492983-pic.jpg",
    "DCIM/Camera/.pending-1714492983-pic.jpg",
    "lost+found/#12",
]
STAYING = [
    "Trash/pic.jpg",
    "snapshots/pic.jpg",
    "timeshift/pic.jpg",
    "Recycle/pic.jpg",
    "sync/pic.jpg",
    "album.zfs/pic.jpg",
    ".zfs",  # a file of that name
    "@Recycle",
    "my $RECYCLE.BIN/pic.jpg",
    "$RECYCLE.BIN 2/pic.jpg",
    "lost+found.jpg",
    "trashed-1714492983-pic.jpg",
    ".trashed-1/pic.jpg",  # Android trashes files, not folders
    "FOUND.JPG/pic.jpg",
    "@GMT-2024/pic.jpg",
    ".Trashy/pic.jpg",
    "local/share/Trash/pic.jpg",
]


# -- the patterns


@pytest.mark.parametrize("path", KINDS + SEEN)
def test_transient_places_are_recognised_in_any_case(path: str) -> None:
    for root in (b"/r/", b"/r/deep/in/a folder/\xff\n/"):
        for written in (path, path.upper(), path.lower()):
            assert transient_reason(root + written.encode()), written


@pytest.mark.parametrize("path", STAYING)
def test_similar_names_are_not_transient(path: str) -> None:
    assert transient_reason(b"/r/" + path.encode()) == ""


def test_a_root_inside_a_snapshot_is_transient() -> None:
    """The snapshot expires even if it is catalogued."""
    assert transient_reason(b"/mnt/.snapshots/41/snapshot/pic.jpg") == "is in .snapshots, where files do not stay"


def test_the_reason_shows_the_name_in_its_original_case() -> None:
    assert transient_reason(b"/r/$Recycle.Bin/a.jpg") == "is in $Recycle.Bin, where files do not stay"
    assert transient_reason(b"/r/.trashed-1-a.jpg") == "has a name by which Android marks files for deletion"


# -- the plan, and the verification before a move


def other(path: str) -> FileCopy:
    return FileCopy(b"/r/" + path.encode(), 9, "png", 1, 1, None, "ok", False, 0, 1, 2)


@pytest.mark.parametrize("path", KINDS)
def test_a_plan_does_not_count_a_transient_copy(path: str) -> None:
    (move,) = plan_moves([facts("a", others=(other(path),))]).moves
    assert move.is_last_copy and move.survivor_groups == []
    (refused,) = plan_moves([facts("a", others=(other(path),), label="keep")]).refused
    assert refused.reason.startswith(f"{LABELLED_KEEP} (/r/{path} ")
    (move,) = plan_moves([facts("a", others=(other(path), other("stays.png")), label="keep")]).moves
    assert move.copies == (Survivor(b"/r/stays.png", bytes([1]) * 32),) and move.uncounted_copy is None


def test_a_transient_survivor_is_refused_by_any_path(tmp_path: Path) -> None:
    """A path in the catalog may lead into a snapshot through a link above the root."""
    real = tmp_path / ".snapshots" / "1"
    real.mkdir(parents=True)
    (real / "a.png").write_bytes(b"a")
    (tmp_path / "b.png").write_bytes(b"a")
    (tmp_path / "photos").symlink_to(real)
    going, sha256 = os.lstat(tmp_path), hashlib.sha256(b"a").digest()
    for path in (real / "a.png", tmp_path / "photos" / "a.png"):
        with pytest.raises(Refusal, match=r"is in \.snapshots, where files do not stay"):
            SurvivorVerifier().require(
                [[Survivor(os.fsencode(path), sha256)]], going, os.fsencode(tmp_path / "going.png")
            )
    assert SurvivorVerifier().require(
        [[Survivor(os.fsencode(tmp_path / "b.png"), sha256)]], going, os.fsencode(tmp_path / "going.png")
    )


# -- the commands, on files read by a real pass; `ignore` is empty, so that all of them are catalogued


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrashService]:
    made = TrashService(tmp_path_factory.mktemp("transient"))
    write_kinds(made)
    assert made.once().returncode == 0, made.tail()
    yield made
    made.close()


def write_kinds(service: RunningService) -> None:
    """Write an image in `album` and an older copy for each kind of place, and a group only in recycle bins."""
    service.config_path.write_text("ignore = []\n" + service.config_path.read_text())
    root = service.path()
    (root / "album").mkdir()
    for number, kind in enumerate(KINDS):
        (root / "album" / f"{number}.png").write_bytes(picture(number))
        write_old(root / kind, picture(number))
    for bin_ in (".recycle", "@Recycle"):
        write_old(root / bin_ / "alone.bmp", picture(9000, "BMP"))  # the largest, so that the report includes it
    write_old(root / "#recycle" / "kept.png", picture(9001))
    write_old(root / "album" / "kept.png", picture(9001))
    write_old(root / "album" / "second.png", picture(9001))


def write_old(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (1577833200, 1577833200))


def test_dups_keeps_a_transient_copy_only_without_another(service: TrashService) -> None:
    lines = service.json_lines("dups")
    assert len(lines) == len(KINDS) + 2
    for line in lines:
        kept = line["keep"].removeprefix(f"{service.path()}/")
        assert line["stays"] == kept.startswith("album/") == ("alone" not in kept), line
        assert line["paths"][0] == line["keep"]


def test_dups_says_if_all_copies_are_transient(service: TrashService) -> None:
    said = service.catalog("dups").stdout.split("exact")
    (alone,) = [group for group in said if "alone.bmp" in group]
    assert alone.startswith("; none to keep: all are in recycle bins") and "  keep  " not in alone
    assert all(group.count("  keep  ") == 1 for group in said if group and group is not alone)


def test_the_report_never_keeps_a_transient_copy(service: TrashService) -> None:
    section = current_report(service).sections["duplicates"]
    assert section.table and {one["stays"] for one in section.record["most"]} == {True, False}
    for row, one in zip(section.table.rows, section.record["most"], strict=True):
        assert one["stays"] is (b"/album/" in os.fsencode(one["keep"]))
        assert row[2] == os.fsencode(one["keep"]) if one["stays"] else str(row[2]).startswith("none: ")


def test_the_last_copy_labelled_keep_is_refused_despite_a_transient_copy(service: TrashService) -> None:
    named = [service.path(f"album/{number}.png") for number in range(len(KINDS))]
    assert service.catalog("label", "keep", *named).returncode == 0
    lines = service.json_lines("trash", "--yes", "--last-copy", *named, code=1)
    assert len(lines) == len(KINDS)
    for line in lines:
        kind = KINDS[int(Path(line["path"]).stem)]
        assert line["refused"].startswith(f"{LABELLED_KEEP} ({service.path(kind)} "), line
    assert all(path.exists() for path in named)
    assert service.catalog("label", "clear", *named).returncode == 0
    lines = service.json_lines("trash", "--yes", *named, code=1)
    assert all(line["refused"].startswith("has no other copy: use --last-copy to give it up (") for line in lines)
    assert "no other copy (" in service.catalog("trash", "--dry-run", named[0]).stderr


def test_a_transient_copy_is_trashed_if_another_copy_exists(service: TrashService) -> None:
    (line,) = service.json_lines("trash", "--yes", service.path("#recycle/kept.png"))
    assert line["done"]
    assert service.catalog("restore", "--last").returncode == 0


def test_a_transient_copy_is_refused_as_survivor(service: TrashService) -> None:
    survivor = service.path(".recycle/alone.bmp")
    done = service.catalog("trash", "--yes", "--survivor", survivor, service.path("album/0.png"))
    assert done.returncode == USAGE and "is in .recycle, where files do not stay: nothing was moved" in done.stderr
    assert service.path("album/0.png").exists()


def test_a_purge_does_not_rely_on_a_transient_copy(service: TrashService) -> None:
    """The kept copy was moved into a recycle bin meanwhile."""
    first, second = service.path("album/kept.png"), service.path("album/second.png")
    assert service.catalog("label", "keep", first).returncode == 0
    assert service.json_lines("trash", "--yes", first)[0]["done"]
    second.rename(service.path(".recycle/second.png"))
    assert service.once().returncode == 0
    words = ("trash", "--purge", "--older-than", "0s", "--yes", "--last-copy")
    (line,) = service.json_lines(*words, code=1)
    assert line["refused"].startswith("is labelled keep, and no other copy can be verified")
    assert service.catalog("label", "clear", service.path(".recycle/second.png")).returncode == 0
    (line,) = service.json_lines(*words[:-1], code=1)
    assert line["refused"].startswith("the copy kept instead of it can no longer be verified")
    assert service.entries() == {"kept.png": "whole"}
    assert service.catalog("restore", "--last").returncode == 0

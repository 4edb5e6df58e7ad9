"""When a volume is held, which files count as missing, and what releases the volume."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.files.mass_deletion import (
    MIN_MISSED_FILES,
    WINDOW_SECONDS,
    Loss,
    accept_loss,
    count_known_files,
    exceeds_limit,
    hold_volume,
    missed_files,
    recent_scan_counts,
    record_full_scan,
    record_missed_files,
    release_volume,
)
from catalog.files.observe import record_missing_path
from catalog.filesystem.mounts import read_mounts
from catalog.filesystem.volume_identity import observe_volume
from catalog.store.roots import drop_root
from catalog.store.volumes import Volume, adopt_volume, all_volumes, update_volume
from tests.support.catalog_on_disk import Collection


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    collection = Collection(tmp_path)
    yield collection
    collection.database.close()


@pytest.mark.parametrize(
    ("missed", "known", "recent", "peak", "percent", "accepted", "exceeded"),
    [
        (8123, 10000, 0, 0, 50, 0, True),
        (5000, 10000, 0, 0, 50, 0, False),  # more than half, not half
        (5001, 10000, 0, 10000, 50, 0, True),
        (
            MIN_MISSED_FILES - 1,
            MIN_MISSED_FILES - 1,
            0,
            0,
            50,
            0,
            False,
        ),  # so few may be deletions by a person
        (MIN_MISSED_FILES, MIN_MISSED_FILES, 0, 0, 50, 0, True),
        (300, 700, 300, 1000, 50, 0, True),  # together with what earlier scans of other folders missed
        (200, 800, 200, 1000, 50, 0, False),
        (10, 35, 55, 100, 50, 0, True),
        (30, 80, 900, 100, 50, 0, False),  # an inbox: hundreds left, and others came
        (30, 80, 900, 400, 50, 0, True),  # fewer came than left
        (15, 35, 0, 100, 50, 0, False),  # others were deleted while the service watched: those are no loss
        (0, 100, 900, 1000, 50, 0, False),  # nothing is missing now
        (10000, 10000, 0, 10000, 100, 0, False),  # 100: off
        (MIN_MISSED_FILES, 10000, 0, 0, 0, 0, True),  # 0: any loss of more than a few files
        (8123, 10000, 0, 0, 50, 8123, False),
        (8123 + 1000, 10000, 0, 0, 50, 8123, True),  # more than was accepted, and too much of what was left
        (8123 + 19, 10000, 0, 0, 0, 8123, False),
    ],
)
def test_limit_for_a_loss(
    missed: int, known: int, recent: int, peak: int, percent: float, accepted: int, exceeded: bool
) -> None:
    assert exceeds_limit(Loss(missed, known, recent, peak), percent, accepted) is exceeded


def count_missed(collection: Collection, *names: str) -> int:
    return len(list(missed_files(collection.database, 1, map(collection.path, names))))


def test_a_directory_counts_with_all_its_files(collection: Collection) -> None:
    for name in ("a/1", "a/b/2", "ab/3"):
        collection.add_file(name)
    assert count_known_files(collection.database, 1) == 3
    assert count_missed(collection, "a") == 2
    assert count_missed(collection, "ab/3", "a/1") == 2


def test_a_file_that_was_never_read_is_not_counted(collection: Collection) -> None:
    collection.add_file("a")
    open(collection.path("b"), "wb").close()
    collection.record_sighting("b")
    assert count_known_files(collection.database, 1) == 1
    assert count_missed(collection, "a", "b") == 1


def test_a_renamed_file_is_not_missing(collection: Collection) -> None:
    """Not even a rejected one, whose row does not follow the inode."""
    for name in ("a/1", "a/2"):
        collection.add_file(name)
    collection.database.run("UPDATE file SET state = 'rejected', reason = 'damaged'")
    os.rename(collection.path("a"), collection.path("z"))
    assert count_missed(collection, "a") == 2
    collection.record_sighting("z/1")
    assert count_missed(collection, "a") == 1


def test_missing_hard_links_of_one_file_all_count(collection: Collection) -> None:
    collection.add_file("a")
    os.link(collection.path("a"), collection.path("b"))
    os.utime(collection.path("a"))
    collection.record_sighting("a")
    collection.record_sighting("b")
    collection.database.run("UPDATE file SET state = 'ok', due = NULL, content = (SELECT id FROM content)")
    assert count_missed(collection, "a") == 0  # its other name exists
    os.unlink(collection.path("a"))
    os.unlink(collection.path("b"))
    assert count_missed(collection, "a", "b") == 2


def test_losses_within_a_day_add_up_until_they_are_accepted(collection: Collection) -> None:
    for name in ("a", "b", "c"):
        collection.add_file(name)
        os.unlink(collection.path(name))
    assert record_missed_files(collection.database, collection.root, False, [collection.path("a")], 1000.0) == 1
    assert (
        record_missed_files(
            collection.database, collection.root, False, [collection.path("a"), collection.path("b")], 1001.0
        )
        == 1
    )
    record_full_scan(collection.database, 1, 1001.0)
    assert recent_scan_counts(collection.database, collection.root, 1001.0) == (2, 1)
    assert recent_scan_counts(collection.database, collection.root, 1000.5 + WINDOW_SECONDS) == (1, 1)
    assert recent_scan_counts(collection.database, b"/elsewhere", 1001.0) == (0, 0)
    hold_volume(collection.database, 1, Loss(1, 1), 1002.0)
    assert accept_loss(collection.database, collection.root, 1002.0) == 1
    adopt_volume(collection.database, collection.root, "root", observe_volume(collection.root, read_mounts()), 1002.0)
    assert record_missed_files(collection.database, collection.root, True, [collection.path("c")], 1003.0) == 1
    assert recent_scan_counts(collection.database, collection.root, 1003.0) == (0, 0)


def only_volume(collection: Collection) -> Volume:
    (volume,) = all_volumes(collection.database)
    return volume


def observe_again(collection: Collection) -> str:
    return update_volume(
        collection.database, only_volume(collection), observe_volume(collection.root, read_mounts()), 5.0
    )


def test_files_of_a_held_volume_are_not_declared_gone(collection: Collection) -> None:
    collection.add_file("a")
    hold_volume(collection.database, 1, Loss(8123, 10000), 2.0)
    held = only_volume(collection)
    assert (held.away, held.held, held.in_place) == ("a scan missed 8,123 of 10,000 files", True, True)
    os.unlink(collection.path("a"))
    assert record_missing_path(collection.database, collection.path("a"), 3.0) == 0
    assert observe_again(collection) == ""
    assert only_volume(collection) == held
    hold_volume(collection.database, 1, Loss(8000, 10000), 4.0)
    assert (only_volume(collection).missed, only_volume(collection).since) == (8000, held.since)
    release_volume(collection.database, 1, 5.0)
    assert (only_volume(collection).away, only_volume(collection).held) == (None, False)
    assert record_missing_path(collection.database, collection.path("a"), 6.0) == 1


def test_a_held_volume_that_goes_away_comes_back_held(collection: Collection) -> None:
    collection.add_file("a")
    hold_volume(collection.database, 1, Loss(30, 40), 2.0)
    os.rename(collection.root, collection.root + b".away")
    observe_again(collection)
    assert (only_volume(collection).away, only_volume(collection).in_place) == ("no such file or directory", False)
    hold_volume(collection.database, 1, Loss(31, 40), 2.5)  # a scan that ended meanwhile
    os.rename(collection.root + b".away", collection.root)
    observe_again(collection)
    assert only_volume(collection).away == "a scan missed 31 of 40 files"
    drop_root(collection.database, only_volume(collection), 3.0)
    assert not only_volume(collection).in_place
    observe_again(collection)
    assert only_volume(collection).in_place and only_volume(collection).held


def test_a_held_volume_with_a_new_identity_stays_held(collection: Collection) -> None:
    """A copied disk is adopted if most of a sample of files is there, but not released."""
    collection.add_file("a")
    hold_volume(collection.database, 1, Loss(30, 40), 2.0)
    copy = collection.root + b".copy"
    shutil.copytree(collection.root, copy)
    shutil.rmtree(collection.root)
    os.rename(copy, collection.root)
    with open(os.path.join(collection.root, b".catalogd-root"), "w") as marker:
        marker.write("another\n")
    observe_again(collection)
    assert only_volume(collection).identity == "marker=another"
    assert only_volume(collection).away == "a scan missed 30 of 40 files"
    observe_again(collection)
    assert only_volume(collection).away == "a scan missed 30 of 40 files"

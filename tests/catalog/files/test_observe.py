"""Sightings, missing paths and renames: decided against the disk at the moment of writing."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.files.moves import apply_file_rename, move_directory_rows
from catalog.files.observe import Sighting, record_missing_path, record_sighting
from catalog.files.results import accept_file, add_vector
from catalog.filesystem.stat_signature import signature_of
from catalog.store.models import set_current_model
from catalog.store.volumes import block_directory, dissolve_volume
from models.decode.reason import RejectReason
from tests.support.catalog_on_disk import Collection


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    collection = Collection(tmp_path)
    yield collection
    collection.database.close()


def test_a_file_replaced_by_a_directory_is_gone(collection: Collection) -> None:
    collection.add_file("a")
    os.unlink(collection.path("a"))
    collection.add_file("a/b")
    assert record_missing_path(collection.database, collection.path("a"), 2.0) == 1
    assert collection.states() == {"a": "gone", "a/b": "ok"}


@pytest.mark.parametrize("link", [False, True])
def test_files_of_a_directory_replaced_by_a_file_or_link_are_gone(collection: Collection, link: bool) -> None:
    collection.add_file("a/b")
    collection.add_file("c/b")
    os.unlink(collection.path("a/b"))
    os.rmdir(collection.path("a"))
    if link:
        os.symlink("c", collection.path("a"))  # a/b can be opened, but is not a file of the collection
    else:
        open(collection.path("a"), "wb").close()
    assert record_missing_path(collection.database, collection.path("a"), 2.0) == 1
    assert collection.states() == {"a/b": "gone", "c/b": "ok"}


def test_no_file_is_gone_while_its_root_is_away(collection: Collection) -> None:
    collection.add_file("a")
    os.rename(collection.root, collection.root + b".away")
    os.mkdir(collection.root)
    assert record_missing_path(collection.database, collection.path("a"), 2.0) == 0
    assert collection.states() == {"a": "ok"}


def test_a_hard_link_is_not_taken_for_a_move_while_the_root_is_away(collection: Collection) -> None:
    collection.add_file("a")
    os.link(collection.path("a"), collection.path("b"))
    signature = signature_of(os.lstat(collection.path("b")))
    os.rename(collection.root, collection.root + b".away")
    record_sighting(collection.database, Sighting(collection.path("b"), signature, 1.0), 1.0)
    assert collection.states() == {"a": "ok", "b": "pending"}


def test_a_file_that_was_moved_unwatched_keeps_its_row(collection: Collection) -> None:
    collection.add_file("a")
    os.rename(collection.path("a"), collection.path("b"))
    collection.record_sighting("b")
    assert collection.states() == {"b": "pending"}  # the same row under the new name; its bytes are hashed again
    assert collection.database.rows("SELECT refs FROM content") == [(1,)]
    assert collection.database.rows("SELECT count(*) FROM history WHERE file = (SELECT id FROM file)") == [(1,)]


def test_a_rename_onto_a_known_path_is_recorded_in_its_history(collection: Collection) -> None:
    collection.add_file("a")
    collection.add_file("b")
    os.rename(collection.path("a"), collection.path("b"))
    apply_file_rename(collection.database, collection.path("a"), None, collection.path("b"), 2.0)
    assert collection.states() == {"a": "gone", "b": "ok"}
    ((content, last),) = collection.database.rows(
        "SELECT content, (SELECT content FROM history WHERE file = file.id ORDER BY id DESC LIMIT 1)"
        " FROM file WHERE name = ?",
        b"b",
    )
    assert content == last


def test_a_blocked_directory_is_renamed_and_unblocked(collection: Collection) -> None:
    collection.add_file("a/b/c")
    block_directory(collection.database, collection.path("a/b"), "permission denied", 1.0)
    os.rename(collection.path("a"), collection.path("z"))
    move_directory_rows(collection.database, collection.path("a"), collection.path("z"), 2.0)
    assert collection.database.rows("SELECT path FROM volume WHERE kind = 'blocked'") == [(collection.path("z/b"),)]
    dissolve_volume(collection.database, collection.path("z/b"), 3.0)
    assert collection.database.rows("SELECT volume, files FROM tally WHERE files > 0") == [(1, 1)]
    assert collection.states() == {"z/b/c": "ok"}


def test_a_link_that_replaced_a_file_has_no_content(collection: Collection) -> None:
    collection.add_file("a")
    signature = signature_of(os.lstat(collection.path("a")))._replace(ctime_ns=5)
    record_sighting(collection.database, Sighting(collection.path("a"), signature, 1.0, RejectReason.SYMLINK), 2.0)
    assert collection.database.rows("SELECT state, content FROM file") == [("rejected", None)]
    assert collection.database.rows("SELECT live FROM vector") == [(0,)]


def test_a_former_model_that_is_current_again_embeds_files_added_meanwhile(collection: Collection) -> None:
    collection.add_file("a")
    other = set_current_model(collection.database, "other", "other", 2, 2.0)
    assert collection.states() == {"a": "pending"}
    collection.model = other
    ((id_, content),) = collection.database.rows("SELECT id, content FROM file")
    accept_file(collection.database, id_, signature_of(os.lstat(collection.path("a"))), content, 2.0)
    add_vector(collection.database, content, other, b"\0<\0\0")
    collection.add_file("b")  # embedded by the other model only
    assert set_current_model(collection.database, "one", "one", 2, 3.0) == 1
    assert collection.states() == {"a": "ok", "b": "pending"}

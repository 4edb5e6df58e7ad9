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
from tests.support.catalog_on_disk import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path)
    yield shelf
    shelf.database.close()


def test_a_file_replaced_by_a_directory_is_gone(shelf: Shelf) -> None:
    shelf.put("a")
    os.unlink(shelf.path("a"))
    shelf.put("a/b")
    assert record_missing_path(shelf.database, shelf.path("a"), 2.0) == 1
    assert shelf.states() == {"a": "gone", "a/b": "ok"}


@pytest.mark.parametrize("link", [False, True])
def test_files_of_a_directory_replaced_by_a_file_or_link_are_gone(shelf: Shelf, link: bool) -> None:
    shelf.put("a/b")
    shelf.put("c/b")
    os.unlink(shelf.path("a/b"))
    os.rmdir(shelf.path("a"))
    if link:
        os.symlink("c", shelf.path("a"))  # a/b can be opened, but is not a file of the collection
    else:
        open(shelf.path("a"), "wb").close()
    assert record_missing_path(shelf.database, shelf.path("a"), 2.0) == 1
    assert shelf.states() == {"a/b": "gone", "c/b": "ok"}


def test_no_file_is_gone_while_its_root_is_away(shelf: Shelf) -> None:
    shelf.put("a")
    os.rename(shelf.root, shelf.root + b".away")
    os.mkdir(shelf.root)
    assert record_missing_path(shelf.database, shelf.path("a"), 2.0) == 0
    assert shelf.states() == {"a": "ok"}


def test_a_hard_link_is_not_taken_for_a_move_while_the_root_is_away(shelf: Shelf) -> None:
    shelf.put("a")
    os.link(shelf.path("a"), shelf.path("b"))
    signature = signature_of(os.lstat(shelf.path("b")))
    os.rename(shelf.root, shelf.root + b".away")
    record_sighting(shelf.database, Sighting(shelf.path("b"), signature, 1.0), 1.0)
    assert shelf.states() == {"a": "ok", "b": "pending"}


def test_a_file_that_was_moved_unwatched_keeps_its_row(shelf: Shelf) -> None:
    shelf.put("a")
    os.rename(shelf.path("a"), shelf.path("b"))
    shelf.see("b")
    assert shelf.states() == {"b": "pending"}  # the same row under the new name; its bytes are hashed again
    assert shelf.database.rows("SELECT refs FROM content") == [(1,)]
    assert shelf.database.rows("SELECT count(*) FROM history WHERE file = (SELECT id FROM file)") == [(1,)]


def test_a_rename_onto_a_known_path_is_recorded_in_its_history(shelf: Shelf) -> None:
    shelf.put("a")
    shelf.put("b")
    os.rename(shelf.path("a"), shelf.path("b"))
    apply_file_rename(shelf.database, shelf.path("a"), None, shelf.path("b"), 2.0)
    assert shelf.states() == {"a": "gone", "b": "ok"}
    ((content, last),) = shelf.database.rows(
        "SELECT content, (SELECT content FROM history WHERE file = file.id ORDER BY id DESC LIMIT 1)"
        " FROM file WHERE name = ?",
        b"b",
    )
    assert content == last


def test_a_blocked_directory_is_renamed_and_unblocked(shelf: Shelf) -> None:
    shelf.put("a/b/c")
    block_directory(shelf.database, shelf.path("a/b"), "permission denied", 1.0)
    os.rename(shelf.path("a"), shelf.path("z"))
    move_directory_rows(shelf.database, shelf.path("a"), shelf.path("z"), 2.0)
    assert shelf.database.rows("SELECT path FROM volume WHERE kind = 'blocked'") == [(shelf.path("z/b"),)]
    dissolve_volume(shelf.database, shelf.path("z/b"), 3.0)
    assert shelf.database.rows("SELECT volume, files FROM tally WHERE files > 0") == [(1, 1)]
    assert shelf.states() == {"z/b/c": "ok"}


def test_a_link_that_replaced_a_file_has_no_content(shelf: Shelf) -> None:
    shelf.put("a")
    signature = signature_of(os.lstat(shelf.path("a")))._replace(ctime_ns=5)
    record_sighting(shelf.database, Sighting(shelf.path("a"), signature, 1.0, RejectReason.SYMLINK), 2.0)
    assert shelf.database.rows("SELECT state, content FROM file") == [("rejected", None)]
    assert shelf.database.rows("SELECT live FROM vector") == [(0,)]


def test_a_former_model_that_is_current_again_embeds_files_added_meanwhile(shelf: Shelf) -> None:
    shelf.put("a")
    other = set_current_model(shelf.database, "other", "other", 2, 2.0)
    assert shelf.states() == {"a": "pending"}
    shelf.model = other
    ((id_, content),) = shelf.database.rows("SELECT id, content FROM file")
    accept_file(shelf.database, id_, signature_of(os.lstat(shelf.path("a"))), content, 2.0)
    add_vector(shelf.database, content, other, b"\0<\0\0")
    shelf.put("b")  # embedded by the other model only
    assert set_current_model(shelf.database, "one", "one", 2, 3.0) == 1
    assert shelf.states() == {"a": "ok", "b": "pending"}

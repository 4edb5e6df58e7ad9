"""A value that the catalog cannot store rejects one file and does not end the service."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from catalog.errors import StoreError
from catalog.files.observe import Sighting, record_sightings
from catalog.files.results import ImageFacts
from catalog.filesystem.stat_signature import Signature, signature_of
from catalog.store.isolation import isolated
from daemon.intake.record import ResultRecorder
from daemon.messages import Decoded, Embedded, ReadTask, Rejected
from models.decode.reason import RejectReason
from tests.support.catalog_on_disk import Collection

HUGE = 1 << 63
NOW = 2.0


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    made = Collection(tmp_path)
    yield made
    made.database.close()


def rejected(collection: Collection) -> list[tuple[object, ...]]:
    return collection.database.rows("SELECT name, reason, detail FROM file WHERE state = 'rejected'")


def task(collection: Collection, name: str) -> ReadTask:
    """A pending file."""
    path = collection.path(name)
    Path(os.fsdecode(path)).write_bytes(b"x")
    collection.record_sighting(name)
    ((id_,),) = collection.database.rows("SELECT id FROM file WHERE name = ?", name.encode())
    return ReadTask(id_, path, signature_of(os.lstat(path)), 0)


@pytest.mark.parametrize("number", range(4))
def test_a_sighting_with_a_number_beyond_64_bits_rejects_that_file_only(collection: Collection, number: int) -> None:
    """A new file and a known one, among others; the known one keeps its content."""
    collection.add_file("known")
    numbers = [1, 1, 1, 1]
    numbers[number] = HUGE
    batch = [
        Sighting(collection.path(name), Signature(1, 1, 1, 9), 1.0) for name in ("before", "new", "known", "after")
    ]
    batch[1:3] = [seen._replace(signature=Signature(*numbers)) for seen in batch[1:3]]
    with collection.database.transaction():
        record_sightings(collection.database, batch, NOW)
    assert {name: state for name, state in collection.states().items() if state != "rejected"} == {
        "before": "pending",
        "after": "pending",
    }
    why = "the catalog cannot store this value: int too big to convert"
    assert sorted(rejected(collection)) == [(b"known", "unreadable", why), (b"new", "unreadable", why)]
    assert collection.database.rows("SELECT content IS NULL FROM file WHERE state = 'rejected' ORDER BY id") == [
        (0,),
        (1,),
    ]


def test_a_result_with_an_unstorable_value_rejects_that_file_only(collection: Collection) -> None:
    """A width beyond 64 bits and a camera name that is not Unicode, between two valid results."""
    recorder, facts = ResultRecorder(collection.model, 0.0), ImageFacts("png", 1, 1)
    told = [facts, facts._replace(width=HUGE), facts._replace(camera="\udc80"), facts]
    results = [
        Embedded(Decoded(task(collection, f"{at}"), bytes([at]) * 32, one, b""), b"\0<\0\0")
        for at, one in enumerate(told)
    ]
    with collection.database.transaction():
        for result in results:
            recorder.record(result, collection.database)
    assert collection.states() == {"0": "ok", "1": "rejected", "2": "rejected", "3": "ok"}
    assert [(name, reason) for name, reason, _ in rejected(collection)] == [(b"1", "unreadable"), (b"2", "unreadable")]
    assert all(str(detail).startswith("the catalog cannot store this value") for _, _, detail in rejected(collection))
    assert collection.database.value("SELECT count(*) FROM content") == 2, "nothing is left of what was undone"
    assert collection.database.rows("SELECT due > 0, attempts FROM file WHERE state = 'rejected'") == [(1, 1), (1, 1)]


class _Unforeseen(NamedTuple):
    """A value of a type that no statement takes: a fault of ours, which shows at one file."""

    text: str


def test_a_fault_of_ours_at_one_file_rejects_that_file_only(collection: Collection) -> None:
    recorder, facts = ResultRecorder(collection.model, 0.0), ImageFacts("png", 1, 1)
    cameras = [None, _Unforeseen("camera"), None]
    results = [
        Embedded(Decoded(task(collection, f"{at}"), bytes([at]) * 32, facts._replace(camera=camera), b""), b"\0<\0\0")  # type: ignore[arg-type]
        for at, camera in enumerate(cameras)
    ]
    with collection.database.transaction():
        for result in results:
            recorder.record(result, collection.database)
    assert collection.states() == {"0": "ok", "1": "rejected", "2": "ok"}
    ((name, reason, detail),) = rejected(collection)
    assert (name, reason) == (b"1", "unreadable")
    assert str(detail).startswith("the service failed at this file: TypeError")


@pytest.mark.parametrize("undecodable", ["detail \udc80", "detail \ud800"])
def test_a_detail_that_is_no_unicode_rejects_that_file_only(collection: Collection, undecodable: str) -> None:
    rejection = Rejected(task(collection, "a"), "decode", RejectReason.DAMAGED, undecodable, bytes(32))
    with collection.database.transaction():
        ResultRecorder(collection.model, 0.0).record(rejection, collection.database)
    assert [(name, reason) for name, reason, _ in rejected(collection)] == [(b"a", "unreadable")]


def test_a_failure_of_the_catalog_itself_is_no_files_reason(collection: Collection) -> None:
    def fail() -> None:
        raise StoreError("the catalog is damaged", "Run `catalog recover`.")

    with pytest.raises(StoreError), collection.database.transaction():
        isolated(collection.database, fail, lambda problem: None)

"""The writer: one transaction for waiting changes, callbacks only after COMMIT, no hidden errors."""

import threading
from pathlib import Path

import pytest

from catalog.errors import CatalogError
from catalog.store.database import Database
from daemon.writer import Writer


def note(kind: str) -> "object":
    return lambda database: database.run("INSERT INTO event(at, kind) VALUES (0, ?)", kind)


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path / "catalog.db")


def start(writer: Writer) -> threading.Thread:
    thread = threading.Thread(target=writer.run, daemon=True)
    thread.start()
    return thread


def test_waiting_changes_are_committed_together_before_on_commit(writer: Writer, tmp_path: Path) -> None:
    Database(tmp_path / "catalog.db", write=True).close()
    reader = Database(tmp_path / "catalog.db", write=False)
    seen: list[int] = []
    versions: set[int] = set()

    def on_commit() -> None:
        seen.append(reader.value("SELECT count(*) FROM event"))
        versions.add(reader.value("PRAGMA data_version"))

    for number in range(50):
        writer.put(note(str(number)), on_commit=on_commit)
    thread = start(writer)
    writer.stop()
    thread.join(20)
    assert seen == [50] * 50
    assert len(versions) == 1


def test_commit_returns_the_result_once_committed(writer: Writer, tmp_path: Path) -> None:
    thread = start(writer)
    assert writer.commit(lambda database: database.value("SELECT 41 + 1")) == 42
    writer.stop()
    thread.join(20)
    assert writer.closed.is_set()


def test_a_failing_change_rolls_back_its_transaction_and_raises(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "catalog.db")
    failed: list[BaseException] = []

    def body() -> None:
        try:
            writer.run()
        except CatalogError as fault:
            failed.append(fault)

    thread = threading.Thread(target=body)
    thread.start()
    writer.commit(note("kept"))
    with pytest.raises(CatalogError):
        writer.commit(lambda database: database.run("INSERT INTO nothing VALUES (1)"))
    thread.join(20)
    assert failed
    reader = Database(tmp_path / "catalog.db", write=False)
    assert reader.rows("SELECT kind FROM event") == [("kept",)]


def test_a_writer_that_has_ended_blocks_nobody(writer: Writer) -> None:
    thread = start(writer)
    writer.stop()
    thread.join(20)
    for _ in range(5000):
        writer.put(note("late"))
    with pytest.raises(RuntimeError):
        writer.commit(note("late"))

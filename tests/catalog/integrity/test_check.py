"""Each problem that `catalog check` must notice is created, found and repaired."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from catalog.choices.labels import LabelChoice, entry_from_choice
from catalog.filesystem.stat_signature import Signature
from catalog.integrity.check import compare_index_ids
from catalog.integrity.check_row import CatalogRow, CheckFinding, DiskEntry, compare_row
from catalog.integrity.repair import repair_catalog
from catalog.journal import append
from tests.support.running_service import RunningService, picture
from tests.support.slow import mostly_slow
from tests.support.waiting import wait_until

Corrupt = Callable[[RunningService, apsw.Connection], object]
OK = "(SELECT max(id) FROM file WHERE state = 'ok')"
SIGNATURE = Signature(10, 1, 2, 3)
HEALTHY_ROW = CatalogRow("ok", SIGNATURE, None, None, 7, 10, True, 7)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A collection that a full pass has read: four files in two directories."""
    made = RunningService(tmp_path_factory.mktemp("check"))
    for seed in range(4):
        write(made, b"d%d/%d.png" % (seed % 2, seed), picture(seed))
    assert made.once().returncode == 0
    yield made
    made.close()


def write(service: RunningService, name: bytes, data: bytes) -> None:
    """Write a file below the root."""
    path = os.path.join(service.root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def sql(text: str) -> Corrupt:
    """Corrupt the catalog with an SQL statement."""
    return lambda service, connection: connection.execute(text)


def lose_label(service: RunningService, connection: apsw.Connection) -> None:
    """Add a choice that only the journal has."""
    append(service.state, [entry_from_choice(LabelChoice(bytes(32), 9, "keep", "owner", 5.0, b"/p"))])


def add_dangling_rows(service: RunningService, connection: apsw.Connection) -> None:
    """Add one dangling row of each kind, as a catalog recovered from damage may have."""
    for statement in (
        "PRAGMA foreign_keys = OFF",
        f"DELETE FROM directory WHERE id = (SELECT directory FROM file WHERE id = {OK})",
        "DELETE FROM content WHERE id = (SELECT max(content) FROM file WHERE state = 'ok')",
        "INSERT INTO history(file, content, size, mtime_ns, seen_at, verdict) VALUES (99, 1, 0, 0, 0, 'first')",
        "INSERT INTO vector(content, model, seq, live, data) VALUES (1, 99, 1, 1, zeroblob(16))",
        "INSERT INTO label(content, value, source, at) VALUES (98, 'keep', 'owner', 0.0)",
        "INSERT INTO directory(volume, path) VALUES (94, x'2f7468657265')",
        "UPDATE directory SET volume = 95 WHERE id = (SELECT max(directory) FROM file WHERE state = 'ok')",
    ):
        connection.execute(statement)


WRONG: dict[str, Corrupt] = {
    "unknown": lambda service, _: write(service, b"d0/new.png", picture(20)),
    "changed": lambda service, _: write(service, b"d0/0.png", picture(21)),
    "missing": lambda service, _: os.unlink(os.path.join(service.root, b"d1/3.png")),
    "unread": sql(f"UPDATE file SET state = 'pending', due = 0 WHERE id = {OK}"),
    "kind": sql(f"UPDATE file SET state = 'rejected', reason = 'symbolic link', content = NULL WHERE id = {OK}"),
    "content": sql(f"UPDATE content SET bytes = bytes + 7 WHERE id = (SELECT content FROM file WHERE id = {OK})"),
    "history": sql(f"DELETE FROM history WHERE file = {OK}"),
    "tally": sql("UPDATE tally SET files = files + 3"),
    "refs": sql("UPDATE content SET refs = refs + 1"),
    "live": sql("UPDATE vector SET live = 0 WHERE id = 1"),
    "clock": sql("UPDATE clock SET seq = 0"),
    "placed": sql(
        "INSERT INTO volume(root, path, kind, identity, away, since)"
        " SELECT 1, path, 'blocked', '', 'no permission', 0 FROM directory WHERE id ="
        f" (SELECT directory FROM file WHERE id = {OK})"
    ),
    "vector": sql("UPDATE vector SET data = zeroblob(length(data)) WHERE id = 2"),
    "unembedded": sql("DELETE FROM vector WHERE id = (SELECT max(id) FROM vector)"),
    "index": lambda service, _: next(service.state.glob("index-*.hnsw")).write_bytes(b"spoilt"),
    "volume": sql("UPDATE volume SET away = 'not mounted' WHERE kind = 'root'"),
    "journal": lose_label,
    "reference": add_dangling_rows,
}


@pytest.mark.parametrize("kind", mostly_slow(WRONG, fast=4))
def test_each_kind_of_finding_is_found_and_repaired(ready: RunningService, kind: str) -> None:
    assert ready.catalog("check").returncode == 0
    connection = apsw.Connection(str(ready.config.database))
    WRONG[kind](ready, connection)
    connection.close()
    found = ready.catalog("check", "--json")
    assert found.returncode == 1
    assert kind in {json.loads(line)["kind"] for line in found.stdout.splitlines()}, found.stdout
    repaired = ready.catalog("check", "--fix")
    assert "fixed: " in repaired.stderr
    assert ready.once().returncode == 0
    assert ready.catalog("check").stdout == ""


def test_every_kind_of_finding_is_tried() -> None:
    """A finding that is neither repaired nor reported with its remedy would be found again every time."""
    tested_elsewhere = {
        "limits",  # tests/daemon/intake/test_outdated_rejections.py
        "unreadable",  # below
        "sqlite",  # tests/catalog/backup/test_recovery.py
        "not quiet",  # it passes
    }
    sources = (Path(__file__).parents[3] / "catalog" / "integrity").glob("check*.py")
    found = {kind for source in sources for kind in re.findall(r'Finding\(\s*"([^"]+)"', source.read_text("utf-8"))}
    assert found == {*WRONG, *tested_elsewhere}


def test_an_unlistable_directory_counts_as_away_until_it_can_be_listed(ready: RunningService) -> None:
    path = os.path.join(ready.root, b"d0")
    (word,) = repair_catalog(
        ready.config, [CheckFinding("unreadable", path, "the directory cannot be listed: no permission")]
    )
    assert "let this user read it" in word
    assert {state for state, _, _ in ready.states().values()} - {"gone"} == {"ok", "unreachable"}
    assert ready.once().returncode == 0
    assert ready.catalog("check").stdout == ""


def test_a_running_service_is_told_to_scan_instead(ready: RunningService) -> None:
    connection = apsw.Connection(str(ready.config.database))
    ready.start()
    try:
        assert wait_until(lambda: not ready.busy())
        mtime = os.stat(os.path.join(ready.root, b"d0/0.png")).st_mtime_ns
        os.utime(os.path.join(ready.root, b"d0/0.png"), ns=(mtime, mtime + 1))  # no event tells of it
        assert "changed" in ready.catalog("check").stdout
        assert "told the running service" in ready.catalog("check", "--fix").stderr
        assert wait_until(lambda: not ready.findings()), ready.findings()
    finally:
        connection.close()
        ready.stop()


def kinds(entry: DiskEntry | None, held: CatalogRow | None, now: float = 5.0) -> list[str]:
    """Return the kinds of the findings at one path."""
    return [finding.kind for finding in compare_row(b"/p", entry, held, now)]


def test_a_path_is_compared_with_its_row() -> None:
    file = DiskEntry("file", SIGNATURE)
    assert kinds(file, HEALTHY_ROW) == []
    assert kinds(None, None) == []
    assert kinds(file, None) == ["unknown"]
    assert kinds(None, HEALTHY_ROW) == ["missing"]
    assert kinds(DiskEntry("file", SIGNATURE._replace(ctime_ns=9)), HEALTHY_ROW) == ["changed"]
    assert kinds(DiskEntry("symlink", SIGNATURE), HEALTHY_ROW) == ["kind"]
    assert (
        kinds(
            DiskEntry("symlink", SIGNATURE),
            CatalogRow("rejected", SIGNATURE, "symbolic link", None, None, None, False, None),
        )
        == []
    )
    assert kinds(file, CatalogRow("rejected", SIGNATURE, "symbolic link", None, None, None, False, None)) == ["kind"]
    assert kinds(file, CatalogRow("rejected", SIGNATURE, "damaged", None, 7, 10, False, 7)) == []
    assert kinds(file, CatalogRow("ok", SIGNATURE, None, None, 7, 10, False, 7)) == ["unembedded"]
    assert kinds(file, CatalogRow("ok", SIGNATURE, None, None, 7, 11, True, 8)) == ["content", "history"]
    assert kinds(file, CatalogRow("pending", SIGNATURE, None, 4.0, None, None, False, None)) == ["unread"]
    assert kinds(file, CatalogRow("pending", SIGNATURE, None, 6.0, None, None, False, None)) == []


def test_index_ids_are_compared_up_to_the_snapshots_change_number() -> None:
    vectors = {1: (1, True), 2: (2, False), 3: (3, True), 4: (9, True), 5: (9, False)}
    assert list(compare_index_ids({1, 3}, vectors, 5)) == []
    assert list(compare_index_ids({1, 3, 5}, vectors, 5)) == []  # died later than the snapshot was made
    assert [f.detail for f in compare_index_ids({1}, vectors, 5)] == ["the snapshot lacks live vectors: 1, such as 3"]
    assert list(compare_index_ids({1, 2, 3, 8}, vectors, 5)) == [
        CheckFinding("index", None, "the snapshot has dead vectors: 2, such as 2, 8")
    ]

"""The oracle is worth what it notices: each thing that can be wrong is made wrong, found, and repaired."""

import json
import os
import re
import subprocess
import sys
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
from tests.support.running_service import Household, picture, until

Spoil = Callable[[Household, apsw.Connection], object]
OK = "(SELECT max(id) FROM file WHERE state = 'ok')"
SIGN = Signature(10, 1, 2, 3)
WELL = CatalogRow("ok", SIGN, None, None, 7, 10, True, 7)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Household]:
    """A collection that a full pass has read: four files in two directories."""
    made = Household(tmp_path_factory.mktemp("check"))
    for seed in range(4):
        write(made, b"d%d/%d.png" % (seed % 2, seed), picture(seed))
    assert made.once().returncode == 0
    yield made
    made.close()


def write(house: Household, name: bytes, data: bytes) -> None:
    """A file below the root."""
    path = os.path.join(house.root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def check(house: Household, *options: str) -> "subprocess.CompletedProcess[str]":
    """`catalog check`, as people call it."""
    command = [str(Path(sys.executable).with_name("catalog")), "check", "--config", str(house.config_path), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def sql(text: str) -> Spoil:
    """Spoil the catalog by a statement."""
    return lambda house, connection: connection.execute(text)


def lose_label(house: Household, connection: apsw.Connection) -> None:
    """A choice that only the journal knows."""
    append(house.state, [entry_from_choice(LabelChoice(bytes(32), 9, "keep", "owner", 5.0, b"/p"))])


def orphan(house: Household, connection: apsw.Connection) -> None:
    """One of each kind of row that names what is not there, as a damaged file that was mended may have them."""
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


WRONG: dict[str, Spoil] = {
    "unknown": lambda house, _: write(house, b"d0/new.png", picture(20)),
    "changed": lambda house, _: write(house, b"d0/0.png", picture(21)),
    "missing": lambda house, _: os.unlink(os.path.join(house.root, b"d1/3.png")),
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
    "index": lambda house, _: next(house.state.glob("index-*.hnsw")).write_bytes(b"spoilt"),
    "volume": sql("UPDATE volume SET away = 'not mounted' WHERE kind = 'root'"),
    "journal": lose_label,
    "reference": orphan,
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_found_and_repaired(ready: Household, kind: str) -> None:
    assert check(ready).returncode == 0
    connection = apsw.Connection(str(ready.config.database))
    WRONG[kind](ready, connection)
    connection.close()
    found = check(ready, "--json")
    assert found.returncode == 1
    assert kind in {json.loads(line)["kind"] for line in found.stdout.splitlines()}, found.stdout
    repaired = check(ready, "--fix")
    assert "fixed: " in repaired.stderr
    assert ready.once().returncode == 0
    assert check(ready).stdout == ""


def test_every_kind_of_finding_is_tried() -> None:
    """What is found and neither repaired nor told with its remedy would be found for ever."""
    told = {
        "unreadable",  # below
        "sqlite",  # tests/catalog/backup/test_recovery.py
        "not quiet",  # it passes
    }
    sources = (Path(__file__).parents[3] / "catalog" / "integrity").glob("check*.py")
    found = {kind for source in sources for kind in re.findall(r'Finding\(\s*"([^"]+)"', source.read_text("utf-8"))}
    assert found == {*WRONG, *told}


def test_a_directory_that_cannot_be_listed_counts_as_away_until_it_can(ready: Household) -> None:
    path = os.path.join(ready.root, b"d0")
    (word,) = repair_catalog(
        ready.config, [CheckFinding("unreadable", path, "the directory cannot be listed: no permission")]
    )
    assert "let this user read it" in word
    assert {state for state, _, _ in ready.states().values()} - {"gone"} == {"ok", "unreachable"}
    assert ready.once().returncode == 0
    assert check(ready).stdout == ""


def test_a_running_service_is_told_to_scan_and_owns_the_catalog(ready: Household) -> None:
    connection = apsw.Connection(str(ready.config.database))
    ready.start()
    try:
        assert until(lambda: not ready.busy())
        mtime = os.stat(os.path.join(ready.root, b"d0/0.png")).st_mtime_ns
        os.utime(os.path.join(ready.root, b"d0/0.png"), ns=(mtime, mtime + 1))  # no event tells of it
        assert "changed" in check(ready).stdout
        assert "told the running service" in check(ready, "--fix").stderr
        assert until(lambda: not ready.findings()), ready.findings()
    finally:
        connection.close()
        ready.stop()


def kinds(entry: DiskEntry | None, held: CatalogRow | None, now: float = 5.0) -> list[str]:
    """What is wrong with one path."""
    return [finding.kind for finding in compare_row(b"/p", entry, held, now)]


def test_one_path_is_judged() -> None:
    file = DiskEntry("file", SIGN)
    assert kinds(file, WELL) == []
    assert kinds(None, None) == []
    assert kinds(file, None) == ["unknown"]
    assert kinds(None, WELL) == ["missing"]
    assert kinds(DiskEntry("file", SIGN._replace(ctime_ns=9)), WELL) == ["changed"]
    assert kinds(DiskEntry("symlink", SIGN), WELL) == ["kind"]
    assert (
        kinds(DiskEntry("symlink", SIGN), CatalogRow("rejected", SIGN, "symbolic link", None, None, None, False, None))
        == []
    )
    assert kinds(file, CatalogRow("rejected", SIGN, "symbolic link", None, None, None, False, None)) == ["kind"]
    assert kinds(file, CatalogRow("rejected", SIGN, "damaged", None, 7, 10, False, 7)) == []
    assert kinds(file, CatalogRow("ok", SIGN, None, None, 7, 10, False, 7)) == ["unembedded"]
    assert kinds(file, CatalogRow("ok", SIGN, None, None, 7, 11, True, 8)) == ["content", "history"]
    assert kinds(file, CatalogRow("pending", SIGN, None, 4.0, None, None, False, None)) == ["unread"]
    assert kinds(file, CatalogRow("pending", SIGN, None, 6.0, None, None, False, None)) == []


def test_labels_are_compared_as_far_as_the_snapshot_reaches() -> None:
    vectors = {1: (1, True), 2: (2, False), 3: (3, True), 4: (9, True), 5: (9, False)}
    assert list(compare_index_ids({1, 3}, vectors, 5)) == []
    assert list(compare_index_ids({1, 3, 5}, vectors, 5)) == []  # died later than the snapshot was made
    assert [f.detail for f in compare_index_ids({1}, vectors, 5)] == ["the snapshot lacks live vectors: 1, such as 3"]
    assert list(compare_index_ids({1, 2, 3, 8}, vectors, 5)) == [
        CheckFinding("index", None, "the snapshot has dead vectors: 2, such as 2, 8")
    ]

"""Tests of labels: copies share them, and table and journal are reconciled after any loss."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog import journal
from catalog.choices.labels import (
    LabelChoice,
    choice_from_entry,
    compare_choices,
    entry_from_choice,
    journal_choices,
    reconcile_with_journal,
    record_choices,
    store_choice,
    table_choices,
)
from catalog.journal import read
from catalog.state_dir import JOURNAL
from catalog.store.database import Database
from tests.support.catalog_rows import CatalogBuilder
from tests.support.running_service import RunningService, picture


def choice(name: str, value: str, at: float = 1.0) -> LabelChoice:
    return LabelChoice(name.encode().ljust(32, b"."), 7, value, "owner", at, b"/r/" + name.encode())


def names_and_values(choices: list[LabelChoice]) -> list[tuple[str, str]]:
    return sorted((choice.sha256.decode().rstrip("."), choice.value) for choice in choices)


def test_a_choice_round_trips_through_the_journal() -> None:
    original = LabelChoice(bytes(range(32)), 0, "delete", "owner", 1764000000.123, b"/r/\xff\n\x1b.jpg")
    assert choice_from_entry(json.loads(json.dumps(entry_from_choice(original)))) == original


@pytest.mark.parametrize(
    "change",
    [{"sha256": "zz"}, {"sha256": "ab"}, {"value": "kfep"}, {"bytes": -1}, {"bytes": None}, {"at": "now"}, {"at": 5}],
)
def test_an_invalid_entry_is_not_a_choice(change: dict[str, object]) -> None:
    assert choice_from_entry(entry_from_choice(choice("a", "keep")) | change) is None
    assert choice_from_entry({"kind": "accept", "path": "/r"}) is None


def test_each_side_gets_what_it_lacks() -> None:
    """Each case is a crash or a loss: table, journal, missing in the table, missing in the journal."""
    a1, a2, a3, cleared = (
        choice("a", "keep", 1),
        choice("a", "delete", 2),
        choice("a", "keep", 3),
        choice("a", "clear", 4),
    )
    cases: list[tuple[list[LabelChoice], list[LabelChoice], list[LabelChoice], list[LabelChoice]]] = [
        ([], [], [], []),
        ([a1], [a1], [], []),
        ([], [a1], [a1], []),  # killed before the commit, or restored from a backup
        ([a1], [], [], [a1]),  # the journal was lost
        ([a1], [a1, a2], [a2], []),  # killed before the commit of the second
        ([a3], [a1, a2], [], [a3]),  # the end of the journal was lost
        ([a1], [a1, cleared], [cleared], []),  # killed before the commit of the clearing
        ([], [a1, cleared], [], []),
        ([], [a1, cleared, a2], [a2], []),
        ([a1], [a1, a2, a1], [], []),
        ([choice("a", "keep", 9)], [choice("a", "keep", 9), choice("a", "delete", 5)], [choice("a", "delete", 5)], []),
    ]
    for in_table, in_journal, missing_in_table, missing_in_journal in cases:
        expected = (missing_in_table, missing_in_journal)
        assert compare_choices(in_table, in_journal) == expected, (in_table, in_journal)


@pytest.mark.parametrize("seed", range(30))
def test_after_any_loss_the_last_choice_is_valid(tmp_path: Path, seed: int) -> None:
    """The table returns to an earlier state, or the journal loses its end; not both."""
    chance = random.Random(seed)
    builder = CatalogBuilder(tmp_path)
    last_values: dict[str, str] = {}
    cut = chance.randrange(20)
    for number in range(20):
        made = choice(
            chance.choice("abcd"), chance.choice(("keep", "delete", "clear")), chance.choice((number, 50 - number))
        )
        record_choices(builder.db, tmp_path, [made])
        last_values[made.sha256.decode().rstrip(".")] = made.value
        if number == cut:
            earlier_choices, earlier_length = table_choices(builder.db), (tmp_path / JOURNAL).stat().st_size
    if chance.random() < 0.5:
        builder.db.run("DELETE FROM label")
        for earlier in earlier_choices:
            store_choice(builder.db, earlier)
    elif not any(entry.value == "clear" for entry in journal_choices(tmp_path)):
        os.truncate(tmp_path / JOURNAL, earlier_length - chance.randrange(5))
    with builder.db.transaction():
        reconcile_with_journal(builder.db, tmp_path)
    expected = sorted((name, value) for name, value in last_values.items() if value != "clear")
    assert names_and_values(table_choices(builder.db)) == expected
    assert compare_choices(table_choices(builder.db), journal_choices(tmp_path)) == ([], [])


def test_an_unwritable_journal_leaves_the_table_unchanged(tmp_path: Path) -> None:
    builder = CatalogBuilder(tmp_path)
    (tmp_path / JOURNAL).mkdir()
    with pytest.raises(journal.JournalError):
        record_choices(builder.db, tmp_path, [choice("a", "keep")])
    assert table_choices(builder.db) == []


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Yield a service whose root holds two images, a copy of one of them, and a damaged image."""
    service = RunningService(tmp_path_factory.mktemp("labels"))
    for name, data in {"a": picture(1), "b": picture(2), "copy of a": picture(1), "cut": picture(3)[:90]}.items():
        service.path(f"{name}.png").write_bytes(data)
    assert service.once().returncode == 0
    yield service
    service.close()


def at(service: RunningService, name: str) -> str:
    return os.path.join(os.fsdecode(service.root), name)


def labels(service: RunningService) -> dict[str, str | None]:
    lines = service.catalog("ls", "--json").stdout.splitlines()
    return {Path(record["path"]).name: record["label"] for record in map(json.loads, lines)}


def test_copies_share_a_label_and_it_can_be_cleared(service: RunningService) -> None:
    result = service.catalog("label", "delete", "--json", at(service, "a.png"))
    assert result.returncode == 0, result.stderr
    (line,) = map(json.loads, result.stdout.splitlines())
    assert (line["path"], line["label"]) == (at(service, "a.png"), "delete")
    assert labels(service) == {"a.png": "delete", "copy of a.png": "delete", "b.png": None, "cut.png": None}
    assert (
        json.loads(service.catalog("show", "-k", "0", "--json", at(service, "copy of a.png")).stdout)["label"]
        == "delete"
    )
    assert service.catalog("label", "keep", at(service, "copy of a.png"), at(service, "cut.png")).returncode == 0
    assert labels(service) == {"a.png": "keep", "copy of a.png": "keep", "b.png": None, "cut.png": "keep"}
    assert service.catalog("label", "clear", at(service, "a.png"), at(service, "cut.png")).returncode == 0
    assert set(labels(service).values()) == {None}
    assert [entry["value"] for entry in read(service.state)] == ["delete", "keep", "keep", "clear", "clear"]


def test_unknown_or_changed_files_are_named_and_nothing_is_labelled(service: RunningService) -> None:
    Path(at(service, "new.png")).write_bytes(picture(8))
    before = Path(at(service, "b.png")).read_bytes()
    Path(at(service, "b.png")).write_bytes(picture(9))
    try:
        result = service.catalog(
            "label", "keep", *(at(service, name) for name in ("a.png", "new.png", "b.png", "no.png"))
        )
        assert result.returncode == 2
        assert "new.png is not in the catalog" in result.stderr and "no.png is not in the catalog" in result.stderr
        assert "b.png changed since it was read" in result.stderr
        assert set(labels(service).values()) == {None}
    finally:
        os.unlink(at(service, "new.png"))
        Path(at(service, "b.png")).write_bytes(before)
        assert service.once().returncode == 0


KILLED_AT_APPEND = """
import os, signal, sys
from catalog.cli import main as cli
from catalog import entry_point
from catalog.choices import labels
original, moment = labels.journal.append, sys.argv.pop(1)
def append(state, entries):
    if moment == "after":
        original(state, entries)
    os.kill(os.getpid(), signal.SIGKILL)
labels.journal.append = append
entry_point.run_command(cli.cli, "catalog")
"""


@pytest.mark.parametrize(("moment", "label"), [("before", None), ("after", "keep")])
def test_a_kill_around_the_journal_write_loses_or_keeps_the_whole_choice(
    service: RunningService, moment: str, label: str | None
) -> None:
    """After the next start, the choice is either complete or absent."""
    arguments = ["--config", str(service.config_path), "label", "keep", at(service, "b.png")]
    result = subprocess.run([sys.executable, "-c", KILLED_AT_APPEND, moment, *arguments], timeout=100)
    assert result.returncode == -signal.SIGKILL
    assert labels(service)["b.png"] is None
    assert service.once().returncode == 0
    assert labels(service)["b.png"] == label
    assert service.catalog("label", "clear", at(service, "b.png")).returncode == 0


LABELLER = """
import sys
from pathlib import Path
from catalog.store.database import Database
from catalog.choices.labels import LabelChoice, record_choices
state = Path(sys.argv[1])
database = Database(state / "catalog.db", write=True)
for number in range(10_000):
    value = ("keep", "delete", "clear")[number % 3]
    choice = LabelChoice(bytes([number % 7]) * 32, 1, value, sys.argv[2], float(number), b"/p")
    record_choices(database, state, [choice])
    print(number, flush=True)
"""


def test_acknowledged_choices_survive_a_kill_at_any_time(tmp_path: Path) -> None:
    CatalogBuilder(tmp_path)
    for run in range(5):
        with subprocess.Popen([sys.executable, "-c", LABELLER, tmp_path, str(run)], stdout=subprocess.PIPE) as labeller:
            assert labeller.stdout
            acknowledged = [labeller.stdout.readline() for _ in range(20 + 13 * run)]
            labeller.kill()
            last = int([*acknowledged, *labeller.stdout.read().splitlines()][-1])
        database = Database(tmp_path / "catalog.db", write=True)
        with database.transaction():
            reconcile_with_journal(database, tmp_path)
        in_journal = [entry for entry in journal_choices(tmp_path) if entry.source == str(run)]
        assert int(in_journal[-1].at) in (last, last + 1)
        assert compare_choices(table_choices(database), journal_choices(tmp_path)) == ([], [])
        database.close()

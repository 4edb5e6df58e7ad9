"""The owner's choices: shared by copies, kept by the journal, brought together whatever was lost."""

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
from tests.support.catalog_rows import Shelf
from tests.support.running_service import Household, picture


def choice(name: str, value: str, at: float = 1.0) -> LabelChoice:
    return LabelChoice(name.encode().ljust(32, b"."), 7, value, "owner", at, b"/r/" + name.encode())


def shown(choices: list[LabelChoice]) -> list[tuple[str, str]]:
    return sorted((one.sha256.decode().rstrip("."), one.value) for one in choices)


def test_a_choice_and_its_line_are_the_same() -> None:
    one = LabelChoice(bytes(range(32)), 0, "delete", "owner", 1764000000.123, b"/r/\xff\n\x1b.jpg")
    assert choice_from_entry(json.loads(json.dumps(entry_from_choice(one)))) == one


@pytest.mark.parametrize(
    "harm",
    [{"sha256": "zz"}, {"sha256": "ab"}, {"value": "kfep"}, {"bytes": -1}, {"bytes": None}, {"at": "now"}, {"at": 5}],
)
def test_nonsense_is_no_choice(harm: dict[str, object]) -> None:
    assert choice_from_entry(entry_from_choice(choice("a", "keep")) | harm) is None
    assert choice_from_entry({"kind": "accept", "path": "/r"}) is None


def test_what_one_side_lacks_it_gets() -> None:
    """Each line one crash or one loss: what the table holds, what the journal says, what each is told."""
    a1, a2, a3, gone = choice("a", "keep", 1), choice("a", "delete", 2), choice("a", "keep", 3), choice("a", "clear", 4)
    cases: list[tuple[list[LabelChoice], list[LabelChoice], list[LabelChoice], list[LabelChoice]]] = [
        ([], [], [], []),
        ([a1], [a1], [], []),
        ([], [a1], [a1], []),  # killed before the commit, or put back from a backup
        ([a1], [], [], [a1]),  # the journal was lost
        ([a1], [a1, a2], [a2], []),  # killed before the commit of the second
        ([a3], [a1, a2], [], [a3]),  # the journal lost its end
        ([a1], [a1, gone], [gone], []),  # killed before the taking back
        ([], [a1, gone], [], []),
        ([], [a1, gone, a2], [a2], []),
        ([a1], [a1, a2, a1], [], []),
        ([choice("a", "keep", 9)], [choice("a", "keep", 9), choice("a", "delete", 5)], [choice("a", "delete", 5)], []),
    ]
    for table, spoken, unheld, unsaid in cases:
        assert compare_choices(table, spoken) == (unheld, unsaid), (table, spoken)


@pytest.mark.parametrize("seed", range(30))
def test_after_any_loss_both_agree_and_the_last_choice_counts(tmp_path: Path, seed: int) -> None:
    """The table goes back to an earlier state, or the journal loses its end: never both at once."""
    dice = random.Random(seed)
    shelf = Shelf(tmp_path)
    truth: dict[str, str] = {}
    cut = dice.randrange(20)
    for number in range(20):
        one = choice(dice.choice("abcd"), dice.choice(("keep", "delete", "clear")), dice.choice((number, 50 - number)))
        record_choices(shelf.db, tmp_path, [one])
        truth[one.sha256.decode().rstrip(".")] = one.value
        if number == cut:
            early, length = table_choices(shelf.db), (tmp_path / JOURNAL).stat().st_size
    if dice.random() < 0.5:
        shelf.db.run("DELETE FROM label")
        for one in early:
            store_choice(shelf.db, one)
    elif not any(one.value == "clear" for one in journal_choices(tmp_path)):
        os.truncate(tmp_path / JOURNAL, length - dice.randrange(5))
    with shelf.db.transaction():
        reconcile_with_journal(shelf.db, tmp_path)
    expected = sorted((name, value) for name, value in truth.items() if value != "clear")
    assert shown(table_choices(shelf.db)) == expected
    assert compare_choices(table_choices(shelf.db), journal_choices(tmp_path)) == ([], [])


def test_a_journal_that_cannot_be_written_leaves_the_table_as_it_was(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    (tmp_path / JOURNAL).mkdir()
    with pytest.raises(journal.JournalError):
        record_choices(shelf.db, tmp_path, [choice("a", "keep")])
    assert table_choices(shelf.db) == []


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Household]:
    """Two pictures, one of them twice, and a damaged one."""
    made = Household(tmp_path_factory.mktemp("labels"))
    for name, data in {"a": picture(1), "b": picture(2), "copy of a": picture(1), "cut": picture(3)[:90]}.items():
        Path(os.fsdecode(made.root), f"{name}.png").write_bytes(data)
    assert made.once().returncode == 0
    yield made
    made.close()


def catalog(house: Household, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("catalog")), "--config", str(house.config_path), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def at(house: Household, name: str) -> str:
    return os.path.join(os.fsdecode(house.root), name)


def labels(house: Household) -> dict[str, str | None]:
    lines = catalog(house, "ls", "--json").stdout.splitlines()
    return {Path(record["path"]).name: record["label"] for record in map(json.loads, lines)}


def test_copies_share_a_choice_and_it_can_be_taken_back(house: Household) -> None:
    done = catalog(house, "label", "delete", "--json", at(house, "a.png"))
    assert done.returncode == 0, done.stderr
    (line,) = map(json.loads, done.stdout.splitlines())
    assert (line["path"], line["label"]) == (at(house, "a.png"), "delete")
    assert labels(house) == {"a.png": "delete", "copy of a.png": "delete", "b.png": None, "cut.png": None}
    assert (
        json.loads(catalog(house, "show", "-k", "0", "--json", at(house, "copy of a.png")).stdout)["label"] == "delete"
    )
    assert catalog(house, "label", "keep", at(house, "copy of a.png"), at(house, "cut.png")).returncode == 0
    assert labels(house) == {"a.png": "keep", "copy of a.png": "keep", "b.png": None, "cut.png": "keep"}
    assert catalog(house, "label", "clear", at(house, "a.png"), at(house, "cut.png")).returncode == 0
    assert set(labels(house).values()) == {None}
    assert [entry["value"] for entry in read(house.state)] == ["delete", "keep", "keep", "clear", "clear"]


def test_what_cannot_be_meant_is_named_and_nothing_is_done(house: Household) -> None:
    Path(at(house, "new.png")).write_bytes(picture(8))
    before = Path(at(house, "b.png")).read_bytes()
    Path(at(house, "b.png")).write_bytes(picture(9))
    try:
        done = catalog(house, "label", "keep", *(at(house, name) for name in ("a.png", "new.png", "b.png", "no.png")))
        assert done.returncode == 2
        assert "new.png is not in the catalog" in done.stderr and "no.png is not in the catalog" in done.stderr
        assert "b.png changed since it was read" in done.stderr
        assert set(labels(house).values()) == {None}
    finally:
        os.unlink(at(house, "new.png"))
        Path(at(house, "b.png")).write_bytes(before)
        assert house.once().returncode == 0


DYING = """
import os, signal, sys
from catalog.cli import main as cli
from catalog import entry_point
from catalog.choices import labels
real, moment = labels.journal.append, sys.argv.pop(1)
def append(state, entries):
    if moment == "after":
        real(state, entries)
    os.kill(os.getpid(), signal.SIGKILL)
labels.journal.append = append
entry_point.run_command(cli.cli, "catalog")
"""


@pytest.mark.parametrize(("moment", "kept"), [("before", None), ("after", "keep")])
def test_killed_beside_the_write_to_the_journal(house: Household, moment: str, kept: str | None) -> None:
    """The choice is there whole after the next start, or it is not there at all."""
    words = ["--config", str(house.config_path), "label", "keep", at(house, "b.png")]
    done = subprocess.run([sys.executable, "-c", DYING, moment, *words], timeout=100)
    assert done.returncode == -signal.SIGKILL
    assert labels(house)["b.png"] is None
    assert house.once().returncode == 0
    assert labels(house)["b.png"] == kept
    assert catalog(house, "label", "clear", at(house, "b.png")).returncode == 0


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


def test_killed_at_any_moment_what_was_answered_is_kept(tmp_path: Path) -> None:
    Shelf(tmp_path)
    for life in range(5):
        with subprocess.Popen([sys.executable, "-c", LABELLER, tmp_path, str(life)], stdout=subprocess.PIPE) as one:
            assert one.stdout
            told = [one.stdout.readline() for _ in range(20 + 13 * life)]
            one.kill()
            last = int([*told, *one.stdout.read().splitlines()][-1])
        database = Database(tmp_path / "catalog.db", write=True)
        with database.transaction():
            reconcile_with_journal(database, tmp_path)
        spoken = [one for one in journal_choices(tmp_path) if one.source == str(life)]
        assert int(spoken[-1].at) in (last, last + 1)
        assert compare_choices(table_choices(database), journal_choices(tmp_path)) == ([], [])
        database.close()

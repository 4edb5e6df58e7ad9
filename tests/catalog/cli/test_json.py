"""The keys of every command's `--json` output are those of its type in `catalog.json_types`."""

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import click
import pytest

from catalog.cli.main import COMMANDS, cli
from catalog.json_types.models import BundleDetailsJson
from catalog.json_types.report import SectionJson
from tests.support.report_service import add_images, flip_byte, label_and_train, write
from tests.support.running_service import RunningService
from tools.json_page import JSON_TYPES, SECTION_TYPES

OPEN_TYPES = (BundleDetailsJson,)  # have further keys, which the model's own description defines


def problems(value: Any, kind: Any, where: str) -> list[str]:
    """Return where the keys of a value, and of the objects inside it, differ from its type."""
    if get_origin(kind) in (Union, UnionType):
        kinds = [one for one in get_args(kind) if one is not type(None)]
        return [] if value is None or len(kinds) != 1 else problems(value, kinds[0], where)
    if get_origin(kind) is list:
        (inner,) = get_args(kind)
        return [found for place, item in enumerate(value) for found in problems(item, inner, f"{where}[{place}]")]
    if not is_typeddict(kind):
        return []
    hints = get_type_hints(kind)
    required = kind.__required_keys__
    found = [f"{where}: missing {key}" for key in sorted(required - value.keys())]
    if kind not in OPEN_TYPES:
        found += [f"{where}: unknown {key}" for key in sorted(value.keys() - hints.keys())]
    present = hints.keys() & value.keys()
    return found + [p for key in sorted(present) for p in problems(value[key], hints[key], f"{where}.{key}")]


def json_commands() -> set[str]:
    """The words of every command with `--json`."""
    found = set()
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        inner = command.commands if isinstance(command, click.Group) else {"": command}
        for word, leaf in inner.items():
            if any("--json" in param.opts for param in leaf.params):
                found.add(f"{name} {word}".strip())
    return found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A catalog with labels, a head, bit rot, a suspect label, a rejected file, and files in the trash."""
    made = RunningService(tmp_path_factory.mktemp("json"))
    add_images(made)
    label_and_train(made)
    write(made, "UPDATE label SET held_out = iif(value = 'keep', 0.95, 0.9)")
    write(made, "INSERT INTO event(at, kind, detail) VALUES (?, 'backup failed', 'disk full')", time.time())
    made.invoke("backup")
    flip_byte(made, "a002.png")
    yield made
    made.close()


def objects(service: RunningService, *arguments: str) -> list[dict[str, Any]]:
    """Run a command with `--json` and return what it printed; it must print something."""
    result = service.invoke(*arguments, "--json")
    assert result.exception is None, result.exception
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert found, result.stderr
    return found


def test_every_command_with_json_has_a_type() -> None:
    assert json_commands() == set(JSON_TYPES)


@pytest.mark.parametrize(
    "words",
    [
        *("backup", "backup --list", "candidates", "damage", "doctor", "dups", "dups --near --threshold 0.5"),
        *("head list", "label list", "label doubts --all", "ls", "model check", "model list", "model show", "next"),
        *("recover", "rejected", "scrub", "status", "train --force"),
    ],
)
def test_the_output_has_the_keys_of_its_type(service: RunningService, words: str) -> None:
    name = max((name for name in JSON_TYPES if f"{words} ".startswith(f"{name} ")), key=len)
    kind, *_ = JSON_TYPES[name]
    for value in objects(service, *words.split()):
        assert problems(value, kind, name) == []


@pytest.mark.parametrize("name", ["show", "similar", "label keep", "label delete", "label clear"])
def test_the_output_about_a_file_has_the_keys_of_its_type(service: RunningService, name: str) -> None:
    (kind,) = JSON_TYPES[name]
    for value in objects(service, *name.split(), str(service.path("a004.png"))):
        assert problems(value, kind, name) == []


def test_search_results_have_the_keys_of_their_type(service: RunningService) -> None:
    (kind,) = JSON_TYPES["search"]
    for value in objects(service, "search", "--like", str(service.path("a004.png"))):
        assert problems(value, kind, "search") == []


def test_damage_rates_have_the_keys_of_their_type(service: RunningService) -> None:
    _, kind = JSON_TYPES["rejected"]
    for value in objects(service, "rejected", "--rates"):
        assert problems(value, kind, "rejected") == []


def test_check_findings_have_the_keys_of_their_type(service: RunningService) -> None:
    (kind,) = JSON_TYPES["check"]
    write(service, "UPDATE tally SET files = files + 1 WHERE state = 'rejected'")
    try:
        for value in objects(service, "check"):
            assert problems(value, kind, "check") == []
    finally:
        service.invoke("check", "--fix")


def test_an_import_has_the_keys_of_its_type(service: RunningService, tmp_path: Path) -> None:
    (kind,) = JSON_TYPES["label import"]
    labels = tmp_path / "labels.txt"
    assert service.invoke("label", "export", str(labels)).exit_code == 0
    text = labels.read_text()
    first = next(line for line in text.splitlines() if line.startswith("keep\t"))
    labels.write_text(text.replace(first, first.replace("keep", "delete", 1)))
    (value,) = objects(service, "label", "import", str(labels))
    assert len(value["conflicts"]) == 1
    assert problems(value, kind, "label import") == []


def test_trash_and_restore_have_the_keys_of_their_types(service: RunningService) -> None:
    moved, listed = JSON_TYPES["trash"]
    (restored,) = JSON_TYPES["restore"]
    path = str(service.path("copy.png"))
    steps = (
        (("trash", "--yes", path), moved),
        (("trash", "--list"), listed),
        (("trash", "--purge", "--older-than", "0s", "--dry-run"), moved),
        (("restore", "--last"), restored),
        (("trash", "--dry-run", path + ".missing"), moved),
    )
    for words, kind in steps:
        for value in objects(service, *words):
            assert problems(value, kind, words[0]) == []


def test_accepted_files_have_the_keys_of_their_type(service: RunningService) -> None:
    (kind,) = JSON_TYPES["accept"]
    flip_byte(service, "a006.png")
    for value in objects(service, "accept", str(service.path("a006.png"))):
        assert problems(value, kind, "accept") == []


def test_the_report_has_the_keys_of_its_types(service: RunningService) -> None:
    (kind,) = JSON_TYPES["report"]
    (value,) = objects(service, "report", "--since", "2001-01-01")
    assert problems(value, kind, "report") == []
    assert value["sections"].keys() == SECTION_TYPES.keys()
    for name, section in value["sections"].items():
        base = {key: section.pop(key) for key in SectionJson.__annotations__}
        assert problems(base, SectionJson, name) == []
        assert problems(section, SECTION_TYPES[name], name) == []


def test_status_has_the_keys_of_its_type_while_the_service_runs(service: RunningService) -> None:
    (kind,) = JSON_TYPES["status"]
    service.start()
    try:
        (value,) = objects(service, "status")
        assert value["daemon"]["running"] and value["watch"]
        assert problems(value, kind, "status") == []
    finally:
        assert service.stop() == 0


def test_a_recovery_has_the_keys_of_its_type(tmp_path: Path) -> None:
    (kind,) = JSON_TYPES["recover"]
    service = RunningService(tmp_path)
    assert service.once().returncode == 0
    os.truncate(service.config.database, 5000)
    (value,) = objects(service, "recover")
    assert problems(value, kind, "recover") == []
    assert not value["sound"] and kind.__annotations__.keys() == value.keys()


def test_every_key_of_every_type_has_a_comment() -> None:
    folder = Path(__file__).parents[3] / "catalog" / "json_types"
    fields = [
        (file.name, line)
        for file in folder.glob("*.py")
        for line in file.read_text().splitlines()
        if re.match(r'    (\w+: [^=]+$|"\w+": [a-z]+,)', line)
    ]
    assert len(fields) > 200
    assert [field for field in fields if not re.search(r"  # \S", field[1])] == []

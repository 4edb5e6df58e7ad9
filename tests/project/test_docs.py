"""README and documents describe the code as it is: commands, options, settings, exit codes, states, reasons, tables."""

import ast
import dataclasses
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from catalog import errors as faults
from catalog import exit_codes
from catalog.cli.commands.ls import STATES
from catalog.cli.main import COMMAND_GROUPS, cli
from catalog.config import load as config
from catalog.verdict.case import VerdictKind
from daemon.cli import catalogd
from models.decode.formats import FORMATS
from models.decode.reason import RejectReason
from tests.support.source_tree import ROOT
from tools.json_page import json_page

OTHERS = {"--constraint", "--strict", "--system"}  # options of pip, mypy and sysctl
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8")
    for file in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    if file.name != "CHANGELOG.md"
}
ALL = "\n".join(PAGES.values())
MAX_README_LINES = 200


def table(first: str, page: str) -> list[list[str]]:
    """Return the cells of the table of that page whose first column has that heading."""
    found = re.search(rf"(?m)^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\|\n)+)", PAGES[page])
    assert found, (first, page)
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in found[1].splitlines()]


def code(cell: str) -> str:
    assert cell.startswith("`") and cell.endswith("`"), cell
    return cell[1:-1]


def call_lines() -> Iterator[str]:
    """Everything that is shown as typed: in consoles, in tables, in running text."""
    yield from (line for line in re.findall(r"(?m)^\$ (.+)$", ALL) if line.startswith("catalog"))
    outside = re.sub(r"(?ms)^```.*?^```$", "", ALL)
    yield from (line for line in re.findall(r"`(catalogd? [^`]+)`", outside) if not re.search(r"\b[A-Z]{4,}\b|…", line))
    for block in re.findall(r"(?ms)^```sh\n(.*?)^```", ALL):
        yield from (part.strip() for part in re.findall(r"(?m)(?:^|\| )(catalogd? [^|#>\n]+)", block))


def test_the_two_commands_come_first() -> None:
    block = re.search(r"(?ms)^```sh\n(.*?)^```", README)
    assert block
    assert [line.split("#")[0].strip() for line in block[1].splitlines()] == ["make demo", "make test"]
    assert README.index(block[1]) < 200


def test_the_readme_is_short_and_shows_two_pictures() -> None:
    assert len(README.splitlines()) < MAX_README_LINES
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert len(pictures) == 2
    assert all((ROOT / picture).stat().st_size > 1000 for picture in pictures)


def test_the_readme_groups_the_commands_as_the_help_does() -> None:
    rows = table("task", "README.md")
    assert [row[0] for row in rows] == list(COMMAND_GROUPS)
    named = [tuple(re.findall(r"`([a-z]+)`", row[1])) for row in rows]
    assert named == list(COMMAND_GROUPS.values())


@pytest.mark.parametrize("line", sorted(set(call_lines())))
def test_every_command_line_is_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # some open a file to write as soon as they are parsed
    words = shlex.split(line)
    command: click.Command | None = {"catalog": cli, "catalogd": catalogd}[words.pop(0)]
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        command = command.get_command(click.Context(command), words.pop(0))
    assert command is not None
    if words:  # else it is only named
        command.make_context(line, words, help_option_names=["-h", "--help"])  # click keeps what it met first


def test_every_option_exists() -> None:
    known = {word for command in _commands(cli) for param in command.params for word in param.opts}
    known |= {word for param in catalogd.params for word in param.opts} | {"--help"}
    exporter = (ROOT / "tools" / "export" / "__main__.py").read_text()
    known |= set(re.findall(r'add_argument\("(--[a-z-]+)"', exporter))
    for tool in (ROOT / "tools").rglob("*.py"):
        known |= set(re.findall(r'add_argument\("(--[a-z-]+)"', tool.read_text()))
    mentioned = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", ALL))
    assert len(mentioned) > 10
    assert mentioned - known - OTHERS == set()


def test_the_settings_are_those_of_the_code_with_their_defaults() -> None:
    assert {code(name): default for name, default, _ in table("setting", "docs/settings.md")} == dict(_settings())


def test_every_setting_can_be_written_as_it_stands_in_the_table(tmp_path: Path) -> None:
    lines: dict[str, list[str]] = {"": [f'state = "{tmp_path}"', 'roots = ["/srv/photos"]']}
    for name, default, _ in table("setting", "docs/settings.md"):
        section, _, key = code(name).rpartition(" ")
        if not default.startswith("set by"):
            value = f"[{code(default)}]" if key == "ignore" else code(default)
            lines.setdefault(section, []).append(f"{key} = {value}")
    place = tmp_path / "config.toml"
    place.write_text("\n".join("\n".join([section, *rows]) for section, rows in lines.items()))
    written = config.load_config(str(place))
    assert written == config.Config(place, tmp_path, (b"/srv/photos",))


def test_the_exit_codes_are_those_of_the_faults() -> None:
    kinds = [kind for kind in vars(faults).values() if isinstance(kind, type) and issubclass(kind, faults.CatalogError)]
    codes = {value for name, value in vars(exit_codes).items() if name.isupper()}
    assert {kind.exit_code for kind in kinds} < codes
    assert [int(row[0]) for row in table("code", "docs/commands.md")] == sorted(codes)


def test_every_state_and_every_reason_is_explained() -> None:
    assert sorted(code(row[0]) for row in table("state", "docs/states-and-verdicts.md")) == sorted(STATES)
    assert sorted(code(row[0]) for row in table("reason", "docs/states-and-verdicts.md")) == sorted(RejectReason)


def test_every_verdict_is_explained() -> None:
    assert [code(row[0]) for row in table("verdict", "docs/states-and-verdicts.md")] == list(VerdictKind)


def test_every_format_is_named() -> None:
    sentence = re.search(r"never by name: ([^.]+)\.", PAGES["docs/states-and-verdicts.md"])
    assert sentence
    assert re.findall(r"\w+", sentence[1].replace(" and ", " ")) == [row.name for row in FORMATS]


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
    assert set(re.findall(r"`make ([a-z-]+)", ALL)) <= targets


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_links_to_exists(page: str) -> None:
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]) if "://" not in link]
    assert [link for link in links if link and not (ROOT / page).parent.joinpath(link).exists()] == []


def test_every_path_of_the_source_that_is_named_exists() -> None:
    named = set(re.findall(r"`((?:catalog|daemon|models|tools|tests|docs|systemd)/[\w./-]+)`", ALL))
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_module_that_is_run_exists() -> None:
    named = set(re.findall(r"`?(tools(?:\.\w+)+)", ALL))
    assert [
        name for name in named if not any((ROOT / name.replace(".", "/")).parent.glob(f"{name.split('.')[-1]}*"))
    ] == []


def test_the_json_page_is_that_of_the_types() -> None:
    assert PAGES["docs/json.md"] == json_page(), "run `python -m tools.json_page`"
    assert all(row.strip("| ").split("|")[-1].strip() for row in PAGES["docs/json.md"].splitlines() if row[:2] == "| ")


def test_every_table_of_the_schema_is_described() -> None:
    schema = (ROOT / "catalog" / "store" / "schema.py").read_text()
    tables = set(re.findall(r"CREATE TABLE (\w+)", schema)) - set(re.findall(r"DROP TABLE (\w+)", schema))
    assert {code(row[0]) for row in table("table", "docs/dev/schema.md")} == tables


def test_the_schema_page_names_the_packages_that_write_a_table() -> None:
    described = {code(row[0]): set(re.findall(r"`(\w+)`", row[2])) for row in table("table", "docs/dev/schema.md")}
    texts = {
        file: "\n".join(
            node.value
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
        for file in (ROOT / "catalog").glob("*/*.py")
    }
    for name, packages in described.items():
        writes = re.compile(rf"\b(INSERT (OR \w+ )?INTO|UPDATE( OR \w+)?|DELETE FROM|REPLACE INTO) {name}\b")
        writers = {file.parent.name for file, text in texts.items() if file.name != "schema.py" and writes.search(text)}
        assert writers == packages, name


def test_the_data_flow_names_functions_that_exist() -> None:
    """Each step is `path/of/module.py` `function` or `Class.method`."""
    steps = re.findall(r"`((?:catalog|daemon|models)/[\w/]+\.py)` `([\w.]+)`", PAGES["docs/dev/data-flow.md"])
    assert len(steps) > 30
    missing = []
    for path, name in steps:
        names = set()
        for node in ast.parse((ROOT / path).read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            if isinstance(node, ast.ClassDef):
                names |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
        if name not in names:
            missing.append(f"{path} {name}")
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_no_line_is_too_long_to_read(page: str) -> None:
    prose = re.sub(r"(?ms)^```.*?^```$", "", PAGES[page])
    assert [line for line in prose.splitlines() if len(line) > 160 and not line.startswith("|")] == []


def _commands(group: click.Group) -> Iterator[click.Command]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield command
        if isinstance(command, click.Group):
            yield from _commands(command)


def _settings() -> Iterator[tuple[str, str]]:
    for item in dataclasses.fields(config.Config):
        if item.name == "path":
            continue
        if item.default_factory is not dataclasses.MISSING:
            for inner in dataclasses.fields(item.default_factory()):  # type: ignore[arg-type]
                yield f"[{item.name}] {inner.name}", f"`{_toml(inner.default)}`"
        elif item.default is dataclasses.MISSING:
            yield item.name, "set by `init`"
        else:
            yield item.name, f"`{_toml(item.default)}`"


def _toml(value: object) -> str:
    if isinstance(value, tuple) and all(isinstance(inner, int) for inner in value):
        return json.dumps(value)
    if isinstance(value, tuple):
        return ", ".join(json.dumps(inner) for inner in value)
    return json.dumps(value) if isinstance(value, str | bool) else f"{value:g}"

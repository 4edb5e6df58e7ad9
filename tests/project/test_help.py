"""The help of every command: groups, options, examples, start-up cost."""

import inspect
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from catalog.cli.main import COMMAND_GROUPS, COMMANDS, cli
from daemon.cli import catalogd

QUERIES = ("check", "damage", "dups", "ls", "rejected", "scrub", "show", "similar", "status")
HEAVY = (
    *("numpy", "PIL", "onnxruntime", "hnswlib", "rich", "simplejpeg", "deflate", "pillow_heif", "structlog"),
    *("tomlkit", "multiprocessing"),
)


def commands() -> dict[str, click.Command]:
    """Every command and subcommand by the words that call it."""
    found: dict[str, click.Command] = {}
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": command.commands[inner] for inner in command.commands}
    return found


def examples(command: click.Command) -> list[str]:
    """The lines under `Examples:` in the command's help."""
    block = re.search(r"(?m)^\x08\nExamples:\n((?:  .+(?:\n|\Z))+)", inspect.cleandoc(command.help or ""))
    return [line.strip() for line in block[1].splitlines()] if block else []


def parse(line: str) -> str:
    """Parse a command line as click would, and return the words of its command."""
    words = shlex.split(line.split(" > ")[0].split(" < ")[0])
    command: click.Command | None = {"catalog": cli, "catalogd": catalogd}[words.pop(0)]
    called: list[str] = []
    while isinstance(command, click.Group) and words:
        called.append(words[0])
        command = command.get_command(click.Context(command), words.pop(0))
    assert command is not None, line
    command.make_context(line, words)
    return " ".join(called)


@pytest.mark.parametrize("words", commands())
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(words: str, flag: str) -> None:
    result = CliRunner().invoke(cli, [*words.split(), flag])
    assert result.exit_code == 0
    assert re.match(rf"Usage: cli {words}\b", result.stdout)


@pytest.mark.parametrize("words", commands())
def test_every_option_is_explained(words: str) -> None:
    options = [param for param in commands()[words].params if isinstance(param, click.Option)]
    assert [option.name for option in options if not option.help] == []
    assert commands()[words].help


@pytest.mark.parametrize("words", commands())
def test_every_command_has_one_to_three_examples_that_parse(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some options open their file as soon as they are parsed
    lines = examples(commands()[words])
    assert 1 <= len(lines) <= 3
    for line in lines:
        called = parse(line.removeprefix("sudo "))
        assert f"{called} ".startswith(f"{words} "), line


def test_the_examples_of_catalog_itself_parse() -> None:
    assert {parse(line) for line in examples(cli)} <= set(COMMANDS)


@pytest.mark.parametrize("words", commands())
def test_the_examples_stay_one_per_line_in_the_help(words: str) -> None:
    lines = examples(commands()[words])
    assert {line.strip() for line in CliRunner().invoke(cli, [*words.split(), "--help"]).stdout.splitlines()} >= {
        *lines
    }


@pytest.mark.parametrize("words", [words for words in commands() if " " in words])
def test_the_summary_of_a_subcommand_fits_on_one_line(words: str) -> None:
    assert "..." not in commands()[words].get_short_help_str(limit=63)


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_can_print_json(name: str) -> None:
    assert "--json" in {flag for param in commands()[name].params for flag in param.opts}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_of_a_command_is_one_short_sentence(name: str) -> None:
    assert len(COMMANDS[name]) <= 60
    assert COMMANDS[name].endswith(".")


def test_every_command_is_in_exactly_one_group() -> None:
    assert Counter(name for names in COMMAND_GROUPS.values() for name in names) == Counter(list(COMMANDS))


def test_the_help_lists_the_commands_by_group() -> None:
    text = CliRunner().invoke(cli, ["--help"]).stdout
    for title, names in COMMAND_GROUPS.items():
        section = re.search(rf"(?m)^{title}:\n((?:  .+\n)+)", text)
        assert section and re.findall(r"(?m)^  ([a-z]+)", section[1]) == list(names)


def test_the_service_has_help() -> None:
    result = CliRunner().invoke(catalogd, ["--help"])
    assert result.exit_code == 0
    assert "--once" in result.stdout


@pytest.mark.parametrize("call", ["catalog --version", "catalogd --version"])
def test_the_version_is_that_of_the_package(call: str) -> None:
    from importlib.metadata import version

    name, flag = call.split()
    module = {"catalog": "catalog.cli.main", "catalogd": "daemon.cli"}[name]
    assert version("catalogd") in _python(
        f"from {module} import main; import sys; sys.argv = ['{name}', '{flag}']; main()"
    )


@pytest.mark.parametrize("words", ["status", "ls", "rejected --json", "--help", "completion bash"])
def test_frequent_commands_import_nothing_heavy(words: str, config_file: str) -> None:
    """Start-up is most of their cost."""
    report = (
        "import sys\n"
        "from catalog import entry_point\n"
        "from catalog.cli.main import cli\n"
        f"sys.argv = ['catalog', '--config', {config_file!r}, *{words.split()!r}]\n"
        "code = entry_point._exit_code(cli, 'catalog')\n"
        f"heavy = sorted(set({HEAVY!r}) & set(sys.modules))\n"
        "heavy += [name for name in sys.modules if name.startswith('catalog.json_types')]\n"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)\n"
    )
    _python(report)


def test_the_help_imports_no_command() -> None:
    _python(
        "import sys; from click.testing import CliRunner; from catalog.cli.main import cli\n"
        "assert CliRunner().invoke(cli, ['--help']).exit_code == 0\n"
        "sys.exit(str([name for name in sys.modules if name.startswith('catalog.cli.commands')] or '') or 0)"
    )


def test_the_help_of_the_service_does_not_import_the_service() -> None:
    _python(
        "import daemon.cli, sys; sys.exit(str(sorted({'numpy', 'structlog', 'apsw'} & set(sys.modules))) if "
        "{'numpy', 'structlog', 'apsw'} & set(sys.modules) else 0)"
    )


@pytest.fixture(scope="module")
def config_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The configuration file of an empty catalog."""
    folder = tmp_path_factory.mktemp("light")
    (folder / "photos").mkdir()
    config = str(folder / "config.toml")
    made = CliRunner().invoke(
        cli, ["--config", config, "init", "--state", str(folder / "state"), str(folder / "photos")]
    )
    assert made.exit_code == 0, made.exception
    return config


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout

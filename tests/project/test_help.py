"""Every command explains itself, and answers scripts."""

import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from catalog.cli.main import COMMANDS, cli
from daemon.cli import catalogd

ASKING = ("check", "damage", "dups", "ls", "rejected", "scrub", "show", "similar", "status")
HEAVY = (
    *("numpy", "PIL", "onnxruntime", "hnswlib", "rich", "simplejpeg", "deflate", "pillow_heif", "structlog"),
    *("tomlkit", "multiprocessing"),
)


def commands() -> dict[str, click.Command]:
    """Every command by the words that call it, sub-commands too."""
    found: dict[str, click.Command] = {}
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": command.commands[inner] for inner in command.commands}
    return found


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


@pytest.mark.parametrize("name", ASKING)
def test_what_answers_questions_answers_scripts(name: str) -> None:
    assert "--json" in {word for param in commands()[name].params for word in param.opts}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_list_is_one_short_sentence(name: str) -> None:
    assert len(COMMANDS[name]) <= 60
    assert COMMANDS[name].endswith(".")


def test_the_service_explains_itself() -> None:
    result = CliRunner().invoke(catalogd, ["--help"])
    assert result.exit_code == 0
    assert "--once" in result.stdout


@pytest.mark.parametrize("call", ["catalog --version", "catalogd --version"])
def test_the_version_is_the_packages(call: str) -> None:
    from importlib.metadata import version

    name, flag = call.split()
    module = {"catalog": "catalog.cli.main", "catalogd": "daemon.cli"}[name]
    assert version("catalogd") in _python(
        f"from {module} import main; import sys; sys.argv = ['{name}', '{flag}']; main()"
    )


@pytest.mark.parametrize("words", ["status", "ls", "rejected --json", "--help", "completion bash"])
def test_what_is_asked_often_starts_light(words: str, household: str) -> None:
    """A cold start is the whole cost of a question: nothing heavy may be imported on the way to it."""
    report = (
        "import sys\n"
        "from catalog import entry_point\n"
        "from catalog.cli.main import cli\n"
        f"sys.argv = ['catalog', '--config', {household!r}, *{words.split()!r}]\n"
        "code = entry_point._exit_code(cli, 'catalog')\n"
        f"heavy = sorted(set({HEAVY!r}) & set(sys.modules))\n"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)\n"
    )
    _python(report)


def test_the_service_is_not_loaded_to_explain_itself() -> None:
    _python(
        "import daemon.cli, sys; sys.exit(str(sorted({'numpy', 'structlog', 'apsw'} & set(sys.modules))) if "
        "{'numpy', 'structlog', 'apsw'} & set(sys.modules) else 0)"
    )


@pytest.fixture(scope="module")
def household(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The configuration of a catalog that is there."""
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

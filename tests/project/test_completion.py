"""Shell completion, called as the shells call it."""

import os
import shutil
import subprocess
import sys

import pytest

from catalog.cli.main import COMMANDS


def complete(*words: str) -> list[str]:
    environment = {
        "_CATALOG_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("catalog", *words)),
        "COMP_CWORD": str(len(words)),
    }
    return catalog(env=environment).splitlines()


def catalog(*words: str, env: dict[str, str] | None = None) -> str:
    call = [sys.executable, "-c", "from catalog.cli.main import main; main()", *words]
    done = subprocess.run(call, env=os.environ | (env or {}), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_commands_are_completed() -> None:
    assert complete("") == [f"plain,{name}" for name in COMMANDS]
    assert complete("si") == ["plain,similar"]


def test_options_are_completed() -> None:
    assert {"plain,--json", "plain,--config", "plain,--help"} <= set(complete("status", "--"))


def test_choices_are_completed() -> None:
    assert "plain,unreachable" in complete("ls", "--state", "")


def test_paths_are_completed_by_the_shell() -> None:
    assert complete("show", "/sr") == ["file,/sr"]


def test_subcommands_are_completed() -> None:
    assert complete("service", "") == ["plain,install", "plain,uninstall"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_valid_for_its_shell(shell: str) -> None:
    script = catalog("completion", shell)
    assert f"_CATALOG_COMPLETE={shell}_complete" in script
    program = shutil.which(shell)
    if program is not None:
        checked = subprocess.run([program, "-n"], input=script, text=True, capture_output=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")

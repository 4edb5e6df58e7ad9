"""The console script: what it ends with, and what it leaves behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from household import Household, picture

START = "from daemon.start import main; main()"


def start(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the console script with a directory of its own for temporary files."""
    folder.mkdir()
    call = [sys.executable, "-c", START, *words]
    return subprocess.run(call, env=os.environ | {"TMPDIR": str(folder)}, capture_output=True, text=True)


def test_a_pass_leaves_no_temporary_file(tmp_path: Path) -> None:
    """It ends without taking the interpreter apart; what others registered for the end runs all the same."""
    house = Household(tmp_path)
    (tmp_path / "root0" / "a.png").write_bytes(picture(1))
    done = start(tmp_path / "temporary", "--once", "--config", str(house.config_path))
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path / "temporary") == []


@pytest.mark.parametrize(
    ("words", "code"), [(["--version"], 0), (["--once", "--config", "none"], 2), (["--nonsense"], 2)]
)
def test_the_exit_code_is_the_commands(tmp_path: Path, words: list[str], code: int) -> None:
    done = start(tmp_path / "temporary", *words)
    assert done.returncode == code, done.stderr
    assert (done.stdout or done.stderr).strip()
    assert os.listdir(tmp_path / "temporary") == []


def test_a_pass_with_nothing_to_embed_opens_no_model(tmp_path: Path) -> None:
    """A second copy is recognised by its bytes: to read it costs no model, however large that is."""
    house, root = Household(tmp_path), tmp_path / "root0"
    (root / "a.png").write_bytes(picture(1))
    first = start(tmp_path / "one", "--once", "--config", str(house.config_path))
    (root / "b.png").write_bytes(picture(1))
    second = start(tmp_path / "two", "--once", "--config", str(house.config_path))
    assert "model_ready" in first.stderr and '"read": 1' in second.stderr, second.stderr
    assert "model_ready" not in second.stderr

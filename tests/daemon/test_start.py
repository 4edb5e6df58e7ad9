"""The console script: its exit codes and the files that it leaves."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.errors import ResourceError
from tests.support.running_service import RunningService, picture

START = "from daemon.main import main; main()"


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory for temporary files with a short path: the sockets in it may have paths of at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="c-", dir="/tmp") as folder:
        yield Path(folder)


def start(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the console script with `folder` for temporary files."""
    call = [sys.executable, "-c", START, *arguments]
    return subprocess.run(call, env=os.environ | {"TMPDIR": str(folder)}, capture_output=True, text=True)


def test_a_pass_leaves_no_temporary_file(tmp_path: Path, short: Path) -> None:
    """It exits without tearing the interpreter down; functions registered with atexit run all the same."""
    service = RunningService(tmp_path)
    (tmp_path / "root0" / "a.png").write_bytes(picture(1))
    done = start(short, "--once", "--config", str(service.config_path))
    assert done.returncode == 0, done.stderr
    assert os.listdir(short) == []


@pytest.mark.parametrize(
    ("words", "code"), [(["--version"], 0), (["--once", "--config", "none"], 2), (["--nonsense"], 2)]
)
def test_the_exit_code_is_that_of_the_command(short: Path, words: list[str], code: int) -> None:
    done = start(short, *words)
    assert done.returncode == code, done.stderr
    assert (done.stdout or done.stderr).strip()
    assert os.listdir(short) == []


def test_a_temporary_directory_with_too_long_a_path_is_reported(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    done = start(deep, "--once", "--config", str(RunningService(tmp_path).config_path))
    assert done.returncode == ResourceError.exit_code, done.stderr
    assert "error: cannot start the process that image workers are forked from: AF_UNIX path too long" in done.stderr
    assert "remedy: " in done.stderr and "TMPDIR" in done.stderr and "Traceback" not in done.stderr


def test_a_pass_with_nothing_to_embed_opens_no_model(tmp_path: Path, short: Path) -> None:
    """A second copy is recognised by its hash, so reading it needs no model."""
    service, root = RunningService(tmp_path), tmp_path / "root0"
    (root / "a.png").write_bytes(picture(1))
    first = start(short, "--once", "--config", str(service.config_path))
    (root / "b.png").write_bytes(picture(1))
    second = start(short, "--once", "--config", str(service.config_path))
    assert "model_ready" in first.stderr and '"read": 1' in second.stderr, second.stderr
    assert "model_ready" not in second.stderr

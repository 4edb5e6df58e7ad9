"""No command executes a file of the directory in which it is typed, whatever that file is called."""

import ast
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catalog.python_process import module_command
from daemon.followers.trainer import run_train_command
from tests.support.running_service import RunningService
from tests.support.source_tree import modules
from tests.support.waiting import wait_until

OURS = ("catalog", "daemon", "models")
EVERY = {*sys.stdlib_module_names, *packages_distributions(), *OURS, "sitecustomize", "usercustomize"}
TRAP = "open({log!r}, 'a').write(__name__ + '\\n')\nraise ImportError('a trap')\n"
COUNT = 24  # pictures of each kind
ADDED = COUNT + 4


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    made = RunningService(tmp_path_factory.mktemp("service"))
    for kind in ("keep", "delete"):
        folder = made.path(kind)
        folder.mkdir()
        for number in range(COUNT):
            (folder / f"{number}.png").write_bytes(shot(number, kind))
    yield made
    made.close()


@pytest.fixture
def traps(service: RunningService) -> Iterator[Path]:
    """A directory with a trap for every module that a process of ours could want to import; none may go off."""
    folder, log = service.folder / "traps", service.folder / "gone_off"
    folder.mkdir(exist_ok=True)
    text = TRAP.format(log=str(log))
    for name in EVERY:
        if name in OURS:
            (folder / name).mkdir(exist_ok=True)
        (folder / name / "__init__.py" if name in OURS else folder / f"{name}.py").write_text(text)
    yield folder
    assert not log.exists(), f"executed: {sorted(set(log.read_text().split()))}"


def shot(seed: int, kind: str) -> bytes:
    """A noisy picture, reddish or bluish, so that the tiny model can tell the kinds apart."""
    rng = np.random.default_rng([seed, kind == "keep"])
    grid = rng.integers(60, 200, (8, 8, 3))
    grid[:, :, 0 if kind == "delete" else 2] += 50
    buffer = BytesIO()
    Image.fromarray(grid.astype(np.uint8)).resize((48, 32), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


def typed(traps: Path, service: RunningService, program: str, *arguments: str) -> str:
    """What an installed program says when it is typed in the directory of the traps."""
    call = [Path(sys.executable).with_name(program), "--config", service.config_path, *arguments]
    done = subprocess.run(call, cwd=traps, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_the_traps_work(traps: Path, service: RunningService) -> None:
    log = service.folder / "gone_off"
    for words in (("-c", "import simplejpeg"), ("-m", "daemon.cli")):
        subprocess.run([sys.executable, *words], cwd=traps, capture_output=True, check=False)
        assert log.exists(), words
        log.unlink()


def test_no_command_executes_what_lies_where_it_is_typed(
    traps: Path, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, foreign = service.path(), service.folder / "foreign.png"
    foreign.write_bytes(shot(COUNT, "keep"))
    typed(traps, service, "catalog", "init", str(root))
    typed(traps, service, "catalogd", "--once")
    assert service.rows("SELECT count(*) FROM vector") == [(2 * COUNT,)]
    for number in range(COUNT, ADDED):  # read by processes of its own, since the catalog does not know them yet
        (root / "keep" / f"{number}.png").write_bytes(shot(number, "keep"))
    folders = ("--keep", str(root / "keep"), "--delete", str(root / "delete"))
    typed(traps, service, "catalog", "label", "import", *folders)
    assert service.rows("SELECT count(*) FROM label") == [(COUNT + ADDED,)]
    typed(traps, service, "catalog", "train", "--json")
    assert str(root) in typed(traps, service, "catalog", "similar", str(foreign))
    typed(traps, service, "catalog", "report", "--html", str(service.folder / "page.html"))
    assert "data:image/jpeg" in (service.folder / "page.html").read_text("utf-8")
    typed(traps, service, "catalog", "scrub")
    assert "images/s" in typed(traps, service, "catalog", "doctor")
    typed(traps, service, "catalog", "status", "--json")
    monkeypatch.chdir(traps)
    outcome = run_train_command(service.config, threading.Event())  # as the service starts it
    assert outcome is not None and outcome.output is not None, outcome


def test_the_service_and_a_forkserver_that_it_starts_anew(traps: Path, service: RunningService) -> None:
    service.start(preexec=lambda: os.chdir(traps))
    assert service.process is not None
    assert wait_until(lambda: not service.busy()), service.tail()
    (before,) = forkservers(service.process.pid)
    os.kill(before, signal.SIGKILL)
    assert wait_until(lambda: before not in forkservers(service.process.pid)), service.tail()
    service.path("late.png").write_bytes(shot(ADDED, "delete"))
    late = "SELECT count(*) FROM file WHERE name = CAST('late.png' AS BLOB) AND state = 'ok'"
    assert wait_until(lambda: service.rows(late) == [(1,)]), service.tail()
    assert forkservers(service.process.pid) not in ([], [before])
    assert service.stop() == 0


def forkservers(pid: int) -> list[int]:
    """The service's living children that others are forked from."""
    children = Path(f"/proc/{pid}/task").glob("*/children")
    every = [int(word) for one in children for word in one.read_text().split()]
    return [pid for pid in every if b"multiprocessing.forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_what_the_owner_has_on_the_path_of_modules_stays_there(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("print('run')")
    done = subprocess.run(module_command("mine"), env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True)
    assert done.stdout == b"run\n", done.stderr


def test_processes_are_started_in_one_place() -> None:
    """Whatever starts a Python is in catalog/python_process.py, where the current directory is kept out."""
    starts = {"executable", "get_context", "set_start_method", "Process", "Pool", "SimpleQueue", "Manager"}
    found = {
        module.file
        for module in modules(*OURS)
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Attribute) and node.attr in starts and _of(node) in ("sys", "multiprocessing"))
        or (isinstance(node, ast.ImportFrom) and _names(node) & starts and node.module in ("sys", "multiprocessing"))
    }
    assert found == {"catalog/python_process.py"}


def _of(node: ast.Attribute) -> str:
    return node.value.id if isinstance(node.value, ast.Name) else ""


def _names(node: ast.ImportFrom) -> set[str]:
    return {alias.name for alias in node.names}

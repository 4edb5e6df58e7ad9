"""What goes wrong around the service: words that name the remedy, the exit code of the table, and nothing lost."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from tests.support.running_service import RunningService, picture
from tests.support.slow import mostly_slow
from tests.support.waiting import wait_until

USAGE, STORE, PLACE = 2, 3, 4
FILES = 6


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    """Two roots with a few files each; nothing has run yet."""
    made = RunningService(tmp_path, roots=2)
    for number, root in enumerate(made.roots):
        for seed in range(FILES):
            Path(os.fsdecode(root), f"{seed}.png").write_bytes(picture(100 * number + seed))
    yield made
    made.close()


def refused(done: "subprocess.CompletedProcess[str]", code: int, problem: str, remedy: str) -> None:
    """It says what is wrong and what to do, once, and no more than that."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    said = re.findall(r"^error: (.*)\nremedy: (.*)$", done.stderr, re.MULTILINE)
    assert len(said) == 1, done.stderr
    assert problem in said[0][0]
    assert remedy in said[0][1]


def complete(service: RunningService) -> None:
    """A pass finds everything in order."""
    done = service.once()
    assert done.returncode == 0, done.stderr
    assert [state for state, _, _ in service.states().values()] == ["ok"] * 2 * FILES
    assert service.findings() == []


def edit(service: RunningService, old: str, new: str) -> None:
    """Change a word of the configuration."""
    text = service.config_path.read_text("utf-8")
    assert old in text
    service.config_path.write_text(text.replace(old, new), "utf-8")


# -- wrong configuration


@pytest.mark.parametrize(
    ("old", "new", "problem", "remedy"),
    [
        ("threads = 1", "thread = 1", "unknown key `thread`", "Did you mean `threads`?"),
        ("[watch]", "[wacth]", "unknown key `wacth`", "Did you mean `watch`?"),
        ("threads = 1", 'threads = "one"', "wrong type", "README"),
        ("threads = 1", "threads = ", "not valid TOML", "Correct that line"),
        ('provider = "cpu"', 'provider = "gpu"', "no such provider: `gpu`", "auto, cpu, cuda"),
    ],
)
def test_wrong_configuration(service: RunningService, old: str, new: str, problem: str, remedy: str) -> None:
    before = service.config_path.read_text("utf-8")
    edit(service, old, new)
    refused(service.once(), USAGE, problem, remedy)
    service.config_path.write_text(before, "utf-8")
    complete(service)


def test_no_configuration(service: RunningService) -> None:
    service.config_path.unlink()
    refused(service.once(), USAGE, "there is no configuration", "catalog init")
    refused(service.catalog("status"), USAGE, "there is no configuration", "catalog init")


def test_no_catalog_yet(service: RunningService) -> None:
    refused(service.catalog("status"), PLACE, "there is no catalog", "catalogd")


# -- roots and models


def test_a_missing_root_is_told_and_keeps_what_it_had(service: RunningService) -> None:
    complete(service)
    before = service.vectors()
    gone = service.roots[1]
    os.rename(gone, gone + b".elsewhere")
    refused(service.once(), PLACE, "root1", "Mount")
    states = [state for path, (state, _, _) in service.states().items() if path.startswith(gone)]
    assert states == ["unreachable"] * FILES
    assert service.findings() == []
    os.rename(gone + b".elsewhere", gone)
    complete(service)
    assert service.vectors() == before


def test_a_missing_root_does_not_stop_the_service(service: RunningService) -> None:
    gone = service.roots[1]
    os.rename(gone, gone + b".elsewhere")
    service.start()
    assert wait_until(lambda: len(service.states()) == FILES and not service.busy())
    os.rename(gone + b".elsewhere", gone)
    assert wait_until(lambda: len(service.states()) == 2 * FILES and not service.busy() and not service.findings()), (
        service.tail()
    )
    assert service.stop() == 0


@pytest.mark.parametrize("lost", mostly_slow(["model.onnx", "bundle.json", ""]))
def test_an_absent_model(service: RunningService, lost: str) -> None:
    complete(service)
    (service.folder / "bundle").rename(service.folder / "elsewhere")
    if lost:
        subprocess.run(["cp", "-r", service.folder / "elsewhere", service.folder / "bundle"], check=True)
        (service.folder / "bundle" / lost).unlink()
    refused(service.once(), PLACE, "bundle", "default")
    subprocess.run(["rm", "-rf", service.folder / "bundle"], check=True)
    (service.folder / "elsewhere").rename(service.folder / "bundle")
    complete(service)


def test_an_altered_model(service: RunningService) -> None:
    with (service.folder / "bundle" / "model.onnx").open("r+b") as model:
        model.seek(40)
        model.write(b"!")
    refused(service.once(), PLACE, "model.onnx", "default")


# -- the state directory


def test_a_file_in_the_place_of_the_state_directory(service: RunningService) -> None:
    service.state.write_text("mine")
    refused(service.once(), PLACE, "cannot use the state directory", "another `state`")
    assert service.state.read_text() == "mine"


@contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    """A tmpfs of its own; skips where this user may not mount."""
    place.mkdir(exist_ok=True)
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", place]).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_state_directory_that_cannot_be_written(service: RunningService) -> None:
    with mounted(service.state, "size=8m"):
        complete(service)
        subprocess.run(["mount", "-o", "remount,ro", service.state], check=True)
        refused(service.once(), PLACE, "cannot use the state directory", "this user owns and can write to")
        subprocess.run(["mount", "-o", "remount,rw", service.state], check=True)
        complete(service)


def test_a_disk_that_is_full_from_the_start(service: RunningService) -> None:
    with mounted(service.state, "size=64k"):
        refused(service.once(), PLACE, "full", "Free some space")
        subprocess.run(["mount", "-o", "remount,size=16m", service.state], check=True)
        complete(service)


def test_a_disk_that_fills_up_on_the_way(service: RunningService) -> None:
    with mounted(service.state, "size=16m"):
        complete(service)
        with (service.state / "ballast").open("wb") as ballast:
            free = os.statvfs(service.state)
            ballast.write(bytes((free.f_bavail - 6) * free.f_bsize))
        for seed in range(200, 400):
            service.path(f"{seed}.png").write_bytes(picture(seed))
        refused(service.once(), PLACE, "full", "Free some space")
        (service.state / "ballast").unlink()
        done = service.once()
        assert done.returncode == 0, done.stderr
        assert [state for state, _, _ in service.states().values()] == ["ok"] * (2 * FILES + 200)
        assert service.findings() == []


# -- the catalog itself


def test_a_second_service(service: RunningService) -> None:
    service.start()
    assert service.process is not None
    refused(service.once(), STORE, f"another catalogd (pid {service.process.pid})", "stop it first")
    assert service.live() is not None
    assert service.stop() == 0
    complete(service)


def test_a_catalog_that_is_no_database(service: RunningService) -> None:
    complete(service)
    service.config.database.write_bytes(b"no database at all, and long enough to be read as one" * 400)
    refused(service.once(), STORE, "is damaged", "catalog recover")
    refused(service.catalog("status"), STORE, "is damaged", "catalog recover")
    assert service.catalog("recover").returncode == 0  # the remedy: there is no backup, so it is rebuilt
    complete(service)


def test_a_catalog_with_damaged_pages(service: RunningService) -> None:
    complete(service)
    with service.config.database.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        for page in range(1, size // 16384):
            file.seek(page * 16384)
            file.write(b"\xff" * 2000)
    damaged = service.config.database.read_bytes()
    refused(service.once(), STORE, "is damaged", "catalog recover")
    assert service.config.database.read_bytes() == damaged, "evidence was written over"
    found = service.catalog("check")
    assert found.returncode in (1, STORE)
    assert "Traceback" not in found.stderr


def test_a_catalog_of_a_newer_version(service: RunningService) -> None:
    complete(service)
    connection = apsw.Connection(str(service.config.database))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    refused(service.once(), STORE, "newer version", "Upgrade")
    refused(service.catalog("status"), STORE, "newer version", "Upgrade")


# -- people


@pytest.mark.parametrize("once", [True, False])
def test_control_c_on_a_terminal(service: RunningService, once: bool) -> None:
    """Everybody in the foreground gets the signal: workers must leave it to their parent."""
    for seed in range(300, 700):
        service.path(f"{seed}.png").write_bytes(picture(seed))
    code, said = on_terminal(service, ["--once"] if once else [])
    assert code == (128 + signal.SIGINT if once else 0), said
    assert "Traceback" not in said
    assert service.findings() == [] or {finding.kind for finding in service.findings()} <= {"unread", "unknown"}
    done = service.once()
    assert done.returncode == 0, done.stderr
    assert [state for state, _, _ in service.states().values()] == ["ok"] * (2 * FILES + 400)
    assert service.findings() == []


def on_terminal(service: RunningService, words: list[str]) -> tuple[int, str]:
    """Start catalogd as the foreground job of a terminal, type Ctrl-C once it reads; its exit code and words."""
    command = str(Path(sys.executable).with_name("catalogd"))
    child, terminal = pty.fork()
    if child == 0:
        os.execv(command, [command, "--config", str(service.config_path), *words])
    said = b""
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            if b"\x03" not in said and service.config.database.exists() and vectors(service):
                os.write(terminal, b"\x03")
                said += b"\x03"
            if select.select([terminal], [], [], 0.02)[0]:
                said += os.read(terminal, 65536)
    except OSError:
        pass  # the terminal's other end has closed
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.decode("utf-8", "replace")


def vectors(service: RunningService) -> int:
    """How many files were embedded so far."""
    try:
        return len(service.vectors())
    except Exception:
        return 0  # the tables are not made yet

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

from tests.support.running_service import Household, picture, until

USAGE, STORE, PLACE = 2, 3, 4
FILES = 6


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    """Two roots with a few files each; nothing has run yet."""
    made = Household(tmp_path, roots=2)
    for number, root in enumerate(made.roots):
        for seed in range(FILES):
            Path(os.fsdecode(root), f"{seed}.png").write_bytes(picture(100 * number + seed))
    yield made
    made.close()


def ask(house: Household, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the `catalog` command."""
    command = [str(Path(sys.executable).with_name("catalog")), "--config", str(house.config_path), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def refused(done: "subprocess.CompletedProcess[str]", code: int, problem: str, remedy: str) -> None:
    """It says what is wrong and what to do, once, and no more than that."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    said = re.findall(r"^error: (.*)\nremedy: (.*)$", done.stderr, re.MULTILINE)
    assert len(said) == 1, done.stderr
    assert problem in said[0][0]
    assert remedy in said[0][1]


def complete(house: Household) -> None:
    """A pass finds everything in order."""
    done = house.once()
    assert done.returncode == 0, done.stderr
    assert [state for state, _, _ in house.states().values()] == ["ok"] * 2 * FILES
    assert house.findings() == []


def edit(house: Household, old: str, new: str) -> None:
    """Change a word of the configuration."""
    text = house.config_path.read_text("utf-8")
    assert old in text
    house.config_path.write_text(text.replace(old, new), "utf-8")


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
def test_wrong_configuration(house: Household, old: str, new: str, problem: str, remedy: str) -> None:
    before = house.config_path.read_text("utf-8")
    edit(house, old, new)
    refused(house.once(), USAGE, problem, remedy)
    house.config_path.write_text(before, "utf-8")
    complete(house)


def test_no_configuration(house: Household) -> None:
    house.config_path.unlink()
    refused(house.once(), USAGE, "there is no configuration", "catalog init")
    refused(ask(house, "status"), USAGE, "there is no configuration", "catalog init")


def test_no_catalog_yet(house: Household) -> None:
    refused(ask(house, "status"), PLACE, "there is no catalog", "catalogd")


# -- roots and models


def test_a_missing_root_is_told_and_keeps_what_it_had(house: Household) -> None:
    complete(house)
    before = house.vectors()
    gone = house.roots[1]
    os.rename(gone, gone + b".elsewhere")
    refused(house.once(), PLACE, "root1", "Mount")
    states = [state for path, (state, _, _) in house.states().items() if path.startswith(gone)]
    assert states == ["unreachable"] * FILES
    assert house.findings() == []
    os.rename(gone + b".elsewhere", gone)
    complete(house)
    assert house.vectors() == before


def test_a_missing_root_does_not_stop_the_service(house: Household) -> None:
    gone = house.roots[1]
    os.rename(gone, gone + b".elsewhere")
    house.start()
    assert until(lambda: len(house.states()) == FILES and not house.busy())
    os.rename(gone + b".elsewhere", gone)
    assert until(lambda: len(house.states()) == 2 * FILES and not house.busy() and not house.findings()), house.tail()
    assert house.stop() == 0


@pytest.mark.parametrize("lost", ["model.onnx", "bundle.json", ""])
def test_an_absent_model(house: Household, lost: str) -> None:
    complete(house)
    (house.folder / "bundle").rename(house.folder / "elsewhere")
    if lost:
        subprocess.run(["cp", "-r", house.folder / "elsewhere", house.folder / "bundle"], check=True)
        (house.folder / "bundle" / lost).unlink()
    refused(house.once(), PLACE, "bundle", "default")
    subprocess.run(["rm", "-rf", house.folder / "bundle"], check=True)
    (house.folder / "elsewhere").rename(house.folder / "bundle")
    complete(house)


def test_an_altered_model(house: Household) -> None:
    with (house.folder / "bundle" / "model.onnx").open("r+b") as model:
        model.seek(40)
        model.write(b"!")
    refused(house.once(), PLACE, "model.onnx", "default")


# -- the state directory


def test_a_file_in_the_place_of_the_state_directory(house: Household) -> None:
    house.state.write_text("mine")
    refused(house.once(), PLACE, "cannot use the state directory", "another `state`")
    assert house.state.read_text() == "mine"


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


def test_a_state_directory_that_cannot_be_written(house: Household) -> None:
    with mounted(house.state, "size=8m"):
        complete(house)
        subprocess.run(["mount", "-o", "remount,ro", house.state], check=True)
        refused(house.once(), PLACE, "cannot use the state directory", "this user owns and can write to")
        subprocess.run(["mount", "-o", "remount,rw", house.state], check=True)
        complete(house)


def test_a_disk_that_is_full_from_the_start(house: Household) -> None:
    with mounted(house.state, "size=64k"):
        refused(house.once(), PLACE, "full", "Free some space")
        subprocess.run(["mount", "-o", "remount,size=16m", house.state], check=True)
        complete(house)


def test_a_disk_that_fills_up_on_the_way(house: Household) -> None:
    with mounted(house.state, "size=16m"):
        complete(house)
        with (house.state / "ballast").open("wb") as ballast:
            free = os.statvfs(house.state)
            ballast.write(bytes((free.f_bavail - 6) * free.f_bsize))
        for seed in range(200, 400):
            Path(os.fsdecode(house.root), f"{seed}.png").write_bytes(picture(seed))
        refused(house.once(), PLACE, "full", "Free some space")
        (house.state / "ballast").unlink()
        done = house.once()
        assert done.returncode == 0, done.stderr
        assert [state for state, _, _ in house.states().values()] == ["ok"] * (2 * FILES + 200)
        assert house.findings() == []


# -- the catalog itself


def test_a_second_service(house: Household) -> None:
    house.start()
    assert house.service is not None
    refused(house.once(), STORE, f"another catalogd (pid {house.service.pid})", "stop it first")
    assert house.live() is not None
    assert house.stop() == 0
    complete(house)


def test_a_catalog_that_is_no_database(house: Household) -> None:
    complete(house)
    house.config.database.write_bytes(b"no database at all, and long enough to be read as one" * 400)
    refused(house.once(), STORE, "is damaged", "catalog recover")
    refused(ask(house, "status"), STORE, "is damaged", "catalog recover")
    assert ask(house, "recover").returncode == 0  # the remedy: there is no backup, so it is rebuilt
    complete(house)


def test_a_catalog_with_damaged_pages(house: Household) -> None:
    complete(house)
    with house.config.database.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        for page in range(1, size // 16384):
            file.seek(page * 16384)
            file.write(b"\xff" * 2000)
    damaged = house.config.database.read_bytes()
    refused(house.once(), STORE, "is damaged", "catalog recover")
    assert house.config.database.read_bytes() == damaged, "evidence was written over"
    found = ask(house, "check")
    assert found.returncode in (1, STORE)
    assert "Traceback" not in found.stderr


def test_a_catalog_of_a_newer_version(house: Household) -> None:
    complete(house)
    connection = apsw.Connection(str(house.config.database))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    refused(house.once(), STORE, "newer version", "Upgrade")
    refused(ask(house, "status"), STORE, "newer version", "Upgrade")


# -- people


@pytest.mark.parametrize("once", [True, False])
def test_control_c_on_a_terminal(house: Household, once: bool) -> None:
    """Everybody in the foreground gets the signal: workers must leave it to their parent."""
    for seed in range(300, 700):
        Path(os.fsdecode(house.root), f"{seed}.png").write_bytes(picture(seed))
    code, said = on_terminal(house, ["--once"] if once else [])
    assert code == (128 + signal.SIGINT if once else 0), said
    assert "Traceback" not in said
    assert house.findings() == [] or {finding.kind for finding in house.findings()} <= {"unread", "unknown"}
    done = house.once()
    assert done.returncode == 0, done.stderr
    assert [state for state, _, _ in house.states().values()] == ["ok"] * (2 * FILES + 400)
    assert house.findings() == []


def on_terminal(house: Household, words: list[str]) -> tuple[int, str]:
    """Start catalogd as the foreground job of a terminal, type Ctrl-C once it reads; its exit code and words."""
    command = str(Path(sys.executable).with_name("catalogd"))
    child, terminal = pty.fork()
    if child == 0:
        os.execv(command, [command, "--config", str(house.config_path), *words])
    said = b""
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            if b"\x03" not in said and house.config.database.exists() and vectors(house):
                os.write(terminal, b"\x03")
                said += b"\x03"
            if select.select([terminal], [], [], 0.02)[0]:
                said += os.read(terminal, 65536)
    except OSError:
        pass  # the terminal's other end has closed
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.decode("utf-8", "replace")


def vectors(house: Household) -> int:
    """How many files were embedded so far."""
    try:
        return len(house.vectors())
    except Exception:
        return 0  # the tables are not made yet

"""A service with a home trash of its own, and a folder of the same kinds of files for each test."""

import os
import select
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.running_service import Argument, RunningService, picture
from tests.support.waiting import TIMEOUT_SECONDS

NAMES = ("one.png", "copy.png", "alone.png", "name.png", "hard.png", "bad.png")


class Room:
    """A folder: `one` and `copy` are copies, `name` and `hard` hard links, `bad` is truncated, `alone` has no copy."""

    def __init__(self, service: "TrashService", number: int) -> None:
        self.service, self.folder = service, service.path(f"room {number}")
        self.folder.mkdir()
        one, alone, name, bad = (picture(1000 * number + seed) for seed in range(1, 5))
        for file, data in zip(NAMES, (one, one, alone, name, b"", bad[:-30]), strict=True):
            if data:
                self.at(file).write_bytes(data)
        os.link(self.at("name.png"), self.at("hard.png"))

    def at(self, name: str) -> Path:
        return self.folder / name

    @property
    def left(self) -> list[str]:
        """The names that are left in the folder."""
        return sorted(os.listdir(self.folder))

    def states(self) -> dict[str, str]:
        """Return the states by name."""
        folder = os.fsencode(self.folder) + b"/"
        return {
            os.fsdecode(path[len(folder) :]): state
            for path, (state, *_) in self.service.states().items()
            if path.startswith(folder)
        }


class TrashService(RunningService):
    """A service whose user has the home trash `data`/Trash."""

    def __init__(self, folder: Path, rooms: int = 0, settings: str = "", roots: int = 1) -> None:
        super().__init__(folder, settings, roots)
        self.data = folder / "data"
        self.rooms = [Room(self, number) for number in range(rooms)]

    @property
    def trash(self) -> Path:
        return self.data / "Trash"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the `catalog` command, whose home trash is in `data`."""
        return super().environment | {"XDG_DATA_HOME": str(self.data)}

    def entries(self) -> dict[str, str]:
        """Return the entries of the home trash by name: "whole", or the part ("files" or "info") that exists."""
        found: dict[str, str] = {}
        for part in ("files", "info"):
            names = os.listdir(self.trash / part) if (self.trash / part).exists() else []
            for name in names:
                entry = name.removesuffix(".trashinfo")
                found[entry] = "whole" if entry in found else part
        return found


def on_terminal(
    service: TrashService,
    *arguments: Argument,
    answer: bytes,
    meanwhile: Callable[[], None] = lambda: None,
    stdin: bytes | None = None,
) -> tuple[int, str]:
    """Run a command on a terminal and answer its question; return its exit code and output.

    `meanwhile` is called while it asks. `stdin`: what a pipe in place of the terminal holds.
    """
    import pty

    source, drain = os.pipe()
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(service.environment)
        if stdin is not None:
            os.dup2(source, 0)
        os.close(source)
        os.close(drain)
        command = [os.fspath(argument) for argument in service.command(*arguments)]
        os.execv(command[0], command)
    os.close(source)
    os.write(drain, stdin or b"")
    os.close(drain)
    output, answered, deadline = b"", False, time.monotonic() + TIMEOUT_SECONDS
    try:
        while time.monotonic() < deadline:
            if b"[y/N]" in output and not answered:
                answered = True
                meanwhile()
                os.write(terminal, answer + b"\n")
            if select.select([terminal], [], [], 0.05)[0]:
                output += os.read(terminal, 65536)
    except OSError:
        pass  # the terminal's other end has closed
    finally:
        os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), output.decode("utf-8", "replace")

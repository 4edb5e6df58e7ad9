"""A household with rooms: folders of files that are alike in each, one for each test, read by one pass."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.running_service import RunningService, picture
from tests.support.waiting import TIMEOUT_SECONDS

NAMES = ("one.png", "copy.png", "alone.png", "name.png", "hard.png", "bad.png")


class Room:
    """`one` and `copy` are copies, `name` and `hard` one file by two names, `bad` is cut off, `alone` is just that."""

    def __init__(self, service: "TrashService", number: int) -> None:
        self.service, self.folder = service, Path(os.fsdecode(service.root), f"room {number}")
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
        """The names that still stand here."""
        return sorted(os.listdir(self.folder))

    def states(self) -> dict[str, str]:
        """States by name."""
        folder = os.fsencode(self.folder) + b"/"
        return {
            os.fsdecode(path[len(folder) :]): state
            for path, (state, *_) in self.service.states().items()
            if path.startswith(folder)
        }


class TrashService(RunningService):
    """Its home trash is in `data`; `catalog` runs the command."""

    def __init__(self, folder: Path, rooms: int = 0, settings: str = "", roots: int = 1) -> None:
        super().__init__(folder, settings, roots)
        self.data = folder / "data"
        self.rooms = [Room(self, number) for number in range(rooms)]

    @property
    def trash(self) -> Path:
        return self.data / "Trash"

    def command(self, *words: str | bytes | Path) -> list[str | bytes | Path]:
        return [sys.executable, "-m", "catalog.cli.main", "--config", self.config_path, *words]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"XDG_DATA_HOME": str(self.data), "OMP_NUM_THREADS": "1"}

    def catalog(
        self,
        *words: str | bytes | Path,
        stdin: bytes = b"",
        preexec: Callable[[], None] | None = None,
        **environment: str,
    ) -> "subprocess.CompletedProcess[str]":
        """What a script would get: there is no terminal."""
        done = subprocess.run(
            self.command(*words),
            input=stdin.decode("utf-8", "surrogateescape"),
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=2 * TIMEOUT_SECONDS,
            env=self.environment | environment,
            preexec_fn=preexec,
            start_new_session=True,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def lines(self, *words: str | bytes | Path, code: int = 0, **more: Any) -> list[dict[str, Any]]:
        """The JSON of a command."""
        done = self.catalog(*words, "--json", **more)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def entries(self) -> dict[str, str]:
        """What lies in the home trash: names of files, and of info files without their suffix."""
        found: dict[str, str] = {}
        for part in ("files", "info"):
            names = os.listdir(self.trash / part) if (self.trash / part).exists() else []
            for name in names:
                known = name.removesuffix(".trashinfo")
                found[known] = "whole" if known in found else part
        return found


def on_terminal(
    service: TrashService,
    *words: str | bytes | Path,
    answer: bytes,
    meanwhile: Callable[[], None] = lambda: None,
    stdin: bytes | None = None,
) -> tuple[int, str]:
    """Run a command on a terminal, and answer its question once it stands there. `stdin`: a pipe in place of it."""
    import pty

    source, drain = os.pipe()
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(service.environment)
        if stdin is not None:
            os.dup2(source, 0)
        os.close(source)
        os.close(drain)
        os.execv(sys.executable, [os.fspath(word) for word in service.command(*words)])
    os.close(source)
    os.write(drain, stdin or b"")
    os.close(drain)
    said, asked, deadline = b"", False, time.monotonic() + TIMEOUT_SECONDS
    try:
        while time.monotonic() < deadline:
            if b"[y/N]" in said and not asked:
                asked = True
                meanwhile()
                os.write(terminal, answer + b"\n")
            if select.select([terminal], [], [], 0.05)[0]:
                said += os.read(terminal, 65536)
    except OSError:
        pass  # the terminal's other end has closed
    finally:
        os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.decode("utf-8", "replace")

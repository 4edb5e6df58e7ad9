"""A real service on a small collection with a tiny model, and the `catalog` commands on it."""

import ctypes
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from PIL import Image

from catalog.cli.main import cli
from catalog.client.service import ask_service
from catalog.config.edit import write_config
from catalog.config.load import Config, load_config
from catalog.errors import CatalogError
from catalog.filesystem.volume_identity import write_marker
from catalog.integrity.check import CheckFinding, check_catalog
from catalog.store.database import Database
from catalog.store.volumes import SHOWN_STATE_SQL
from tests.support.tiny_bundle import write_tiny_bundle
from tests.support.waiting import TIMEOUT_SECONDS, wait_until

STATES = f"""
SELECT d.path, f.name, {SHOWN_STATE_SQL}, c.sha256, f.reason
FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume
  LEFT JOIN content c ON c.id = f.content
"""
CAPBSET_DROP, DAC_OVERRIDE, DAC_READ_SEARCH = 24, 1, 2  # linux/prctl.h, linux/capability.h
State = tuple[str, bytes | None, str | None]  # state, sha256, reason
Argument = str | bytes | Path


def picture(seed: int, format: str = "PNG") -> bytes:
    """Return a healthy image, a different one for each seed."""
    rng = random.Random(seed)
    colours = bytes(rng.randrange(256) for _ in range(6 * 4 * 3))
    buffer = BytesIO()
    Image.frombytes("RGB", (6, 4), colours).resize((48, 32), Image.Resampling.NEAREST).save(buffer, format)
    return buffer.getvalue()


def drop_powers() -> None:
    """Make root obey permissions like anyone else; for `preexec`."""
    prctl = ctypes.CDLL(None).prctl
    prctl(CAPBSET_DROP, DAC_OVERRIDE)
    prctl(CAPBSET_DROP, DAC_READ_SEARCH)


class RunningService:
    """Roots, a state directory, a configuration, and at most one service process on them."""

    def __init__(self, folder: Path, settings: str = "", roots: int = 1) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.roots = tuple(os.fsencode(folder / f"root{number}") for number in range(roots))
        self.root = self.roots[0]
        for root in self.roots:
            os.mkdir(root)
            write_marker(root)
        bundle = write_tiny_bundle(folder / "bundle", {"golden.png": picture(-1)})
        self.config_path = folder / "config.toml"
        write_config(self.config_path, self.state, self.roots)
        with self.config_path.open("a") as file:
            file.write(f'[model]\nbundle = "{bundle}"\nprovider = "cpu"\nthreads = 1\nbatch = 4\n')
            file.write("[watch]\nclosed_seconds = 0.1\nopen_seconds = 0.3\n")
            file.write(settings or "[intake]\nworkers = 1\n")
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Config:
        """The current configuration."""
        return load_config(str(self.config_path))

    def path(self, name: str | bytes = "", root: int = 0) -> Path:
        """Return the path of a file below a root."""
        return Path(os.fsdecode(self.roots[root]), os.fsdecode(name))

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the `catalog` command."""
        return os.environ | {"OMP_NUM_THREADS": "1"}

    def command(self, *arguments: Argument) -> list[Argument]:
        """Return the command line of a `catalog` command."""
        return [Path(sys.executable).with_name("catalog"), "--config", self.config_path, *arguments]

    def catalog(
        self,
        *arguments: Argument,
        stdin: str | bytes = "",
        preexec: Callable[[], None] | None = None,
        **environment: str,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a `catalog` command without a terminal, as a script would."""
        result = subprocess.run(
            self.command(*arguments),
            input=os.fsdecode(stdin),
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=2 * TIMEOUT_SECONDS,
            env=self.environment | environment,
            preexec_fn=preexec,
            start_new_session=True,
        )
        assert "Traceback" not in result.stderr, result.stderr
        return result

    def json_lines(self, *arguments: Argument, code: int = 0, **options: Any) -> list[dict[str, Any]]:
        """Run a `catalog` command with --json, check its exit code, and return its records."""
        result = self.catalog(*arguments, "--json", **options)
        assert result.returncode == code, (result.returncode, result.stdout, result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def start_catalog(self, *arguments: Argument) -> "subprocess.Popen[str]":
        """Start a `catalog` command."""
        command = self.command(*arguments)
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def invoke(self, *arguments: Argument) -> Result:
        """Run a `catalog` command in this process; return its result with the exit code of its process."""
        call = ["--config", *map(os.fsdecode, (self.config_path, *arguments))]
        result = CliRunner(env=self.environment).invoke(cli, call, standalone_mode=False)
        if isinstance(result.exception, CatalogError):
            result.exit_code = result.exception.exit_code
        elif result.exception is None:
            result.exit_code = result.return_value or 0
        return result

    def _environment(self, extra: dict[str, str]) -> dict[str, str]:
        return os.environ | {"OMP_NUM_THREADS": "1"} | extra

    def _call(self, *arguments: str) -> list[str]:
        return [str(Path(sys.executable).with_name("catalogd")), "--config", str(self.config_path), *arguments]

    def start(self, ready: bool = True, preexec: Callable[[], None] | None = None, **environment: str) -> None:
        """Start the service; with `ready`, wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._call(),
                stderr=log,
                stdout=log,
                env=self._environment(environment),
                preexec_fn=preexec,
            )
        if ready:
            assert wait_until(lambda: self.live() is not None or not self.alive), "the service does not start"
            assert self.alive, f"the service ended: {self.tail()}"

    def once(self, preexec: Callable[[], None] | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """Make one pass and return its result; its stderr goes to the log too."""
        result = subprocess.run(
            self._call("--once"),
            env=self._environment(environment),
            capture_output=True,
            text=True,
            timeout=2 * TIMEOUT_SECONDS,
            preexec_fn=preexec,
        )
        with self.log.open("a") as log:
            log.write(result.stderr)
        return result

    @property
    def alive(self) -> bool:
        """Whether the service process runs."""
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        """Send the service a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """Kill the service, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(TIMEOUT_SECONDS)
            self.process = None

    def stop(self) -> int:
        """Stop the service cleanly; return its exit code."""
        assert self.process is not None
        self.signal(signal.SIGTERM)
        code = self.process.wait(TIMEOUT_SECONDS)
        self.process = None
        return code

    def live(self) -> dict[str, Any] | None:
        """Return the status that the service reports; None if it does not answer."""
        return ask_service(self.state, {"op": "status"}, timeout=5.0)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the catalog."""
        database = Database(self.config.database, write=False)
        try:
            return database.rows(sql, *values)
        finally:
            database.close()

    def states(self) -> dict[bytes, State]:
        """Return state, sha256 and reason of every path that the catalog has ever seen."""
        return {folder.rstrip(b"/") + b"/" + name: tuple(state) for folder, name, *state in self.rows(STATES)}

    def vectors(self) -> dict[bytes, int]:
        """Return the vector ids by sha256."""
        return dict(self.rows("SELECT c.sha256, v.id FROM vector v JOIN content c ON c.id = v.content"))

    def findings(self) -> list[CheckFinding]:
        """Return the findings of `catalog check`."""
        database = Database(self.config.database, write=False)
        try:
            return check_catalog(self.config, database)
        finally:
            database.close()

    def busy(self) -> str:
        """Return what a running service still has to do; "" if it is idle."""
        live = self.live()
        if live is None or not live.get("ok"):
            return "does not answer"
        ((pending,),) = self.rows(
            "SELECT count(*) FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume"
            " WHERE f.state = 'pending' AND v.away IS NULL"
        )
        if pending or live["in_work"]:
            return f"{pending} pending, {live['in_work']} in work"
        if live["scanning"]:
            return f"scans {live['scanning']}"
        return f"the index lags by {live['index']['lag']}" if live["index"]["lag"] else ""

    def tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:]) if self.log.exists() else ""

    def close(self) -> None:
        """Kill the service if it still runs."""
        self.kill()

"""A small collection with a catalog, a small model and a real service: what machine, crash and fault tests share."""

import ctypes
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from catalog.client.service import ask_service
from catalog.config.edit import write_config
from catalog.config.load import Config, load_config
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
State = tuple[str, bytes | None, str | None]


def picture(seed: int, format: str = "PNG") -> bytes:
    """A healthy image; another one for each seed."""
    dice = random.Random(seed)
    colours = bytes(dice.randrange(256) for _ in range(6 * 4 * 3))
    buffer = BytesIO()
    Image.frombytes("RGB", (6, 4), colours).resize((48, 32), Image.Resampling.NEAREST).save(buffer, format)
    return buffer.getvalue()


def drop_powers() -> None:
    """Run in the service: root that obeys permissions like anyone else."""
    prctl = ctypes.CDLL(None).prctl
    prctl(CAPBSET_DROP, DAC_OVERRIDE)
    prctl(CAPBSET_DROP, DAC_READ_SEARCH)


class RunningService:
    """A root, a state directory, a configuration, and at most one service."""

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
        """The configuration as it stands."""
        return load_config(str(self.config_path))

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
            assert wait_until(lambda: self.live() is not None or not self.alive), "the service does not come up"
            assert self.alive, f"the service ended: {self.tail()}"

    def once(self, preexec: Callable[[], None] | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """One pass; its stderr goes to the log too."""
        done = subprocess.run(
            self._call("--once"),
            env=self._environment(environment),
            capture_output=True,
            text=True,
            timeout=2 * TIMEOUT_SECONDS,
            preexec_fn=preexec,
        )
        with self.log.open("a") as log:
            log.write(done.stderr)
        return done

    @property
    def alive(self) -> bool:
        """Whether the service process runs."""
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        """Send the service a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End the service as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(TIMEOUT_SECONDS)
            self.process = None

    def stop(self) -> int:
        """Stop the service in order; returns its exit code."""
        assert self.process is not None
        self.signal(signal.SIGTERM)
        code = self.process.wait(TIMEOUT_SECONDS)
        self.process = None
        return code

    def live(self) -> dict[str, Any] | None:
        """What the running service says of itself."""
        return ask_service(self.state, {"op": "status"}, timeout=5.0)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the catalog."""
        database = Database(self.config.database, write=False)
        try:
            return database.rows(sql, *values)
        finally:
            database.close()

    def states(self) -> dict[bytes, State]:
        """Of every path that the catalog ever saw: state, sha256, reason."""
        return {row[0].rstrip(b"/") + b"/" + row[1]: (row[2], row[3], row[4]) for row in self.rows(STATES)}

    def vectors(self) -> dict[bytes, int]:
        """The vector ids by sha256."""
        return dict(self.rows("SELECT c.sha256, v.id FROM vector v JOIN content c ON c.id = v.content"))

    def findings(self) -> list[CheckFinding]:
        """What `catalog check` says."""
        database = Database(self.config.database, write=False)
        try:
            return check_catalog(self.config, database)
        finally:
            database.close()

    def busy(self) -> str:
        """What a running service still has to do; "" when it is quiet."""
        live = self.live()
        if live is None or not live.get("ok"):
            return "does not answer"
        pending = self.rows(
            "SELECT count(*) FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume"
            " WHERE f.state = 'pending' AND v.away IS NULL"
        )[0][0]
        if pending or live["in_work"]:
            return f"{pending} pending, {live['in_work']} in work"
        if live["scanning"]:
            return f"scans {live['scanning']}"
        return f"the index lags by {live['index']['lag']}" if live["index"]["lag"] else ""

    def tail(self, lines: int = 30) -> str:
        """The end of the log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:]) if self.log.exists() else ""

    def close(self) -> None:
        """End whatever still runs."""
        self.kill()

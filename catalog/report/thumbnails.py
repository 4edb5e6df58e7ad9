"""Make thumbnails in worker processes: a hostile file that kills or blocks one costs one thumbnail."""

import os
import selectors
import subprocess
import time
from collections.abc import Iterable

from catalog.config.settings import IntakeSettings
from catalog.python_process import module_command

SECONDS_PER_FILE = 10.0
TOTAL_SECONDS = 120.0  # a network share that does not answer must not hold up the report
CHUNK_BYTES = 1 << 16

EncodedThumbnails = dict[bytes, str]  # path: JPEG in base64


def make_thumbnails(
    paths: Iterable[bytes], limits: IntakeSettings, total_seconds: float = TOTAL_SECONDS
) -> EncodedThumbnails:
    """Return a small JPEG in base64 for each path that can be shown; the others are left out."""
    deadline = time.monotonic() + total_seconds
    found: EncodedThumbnails = {}
    worker: ThumbnailProcess | None = None
    try:
        for path in dict.fromkeys(paths):
            if time.monotonic() > deadline:
                break
            worker = worker or ThumbnailProcess(limits)
            jpeg = worker.make(path, min(SECONDS_PER_FILE, limits.seconds))
            if jpeg is None:
                worker.close()
                worker = None
            elif jpeg:
                found[path] = jpeg
    finally:
        if worker is not None:
            worker.close()
    return found


class ThumbnailProcess:
    """A process that makes one thumbnail at a time (catalog.report.thumbnail_worker)."""

    def __init__(self, limits: IntakeSettings) -> None:
        memory, pixels = limits.memory_mb * 1_000_000, int(limits.max_megapixels * 1e6)
        command = module_command("catalog.report.thumbnail_worker", str(memory), str(pixels))
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._output, False)

    def make(self, path: bytes, seconds: float) -> str | None:
        """Return the JPEG in base64, "" if the file cannot be shown, or None if the process died or took too long.

        After None the process must be closed.
        """
        try:
            os.write(self._input, path.hex().encode() + b"\n")
        except BrokenPipeError:
            return None
        deadline, line = time.monotonic() + seconds, bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return None
                chunk = os.read(self._output, CHUNK_BYTES)
                if not chunk:
                    return None
                line += chunk
        return line.decode("ascii").strip()

    def close(self) -> None:
        """Kill the process. One that is blocked in the kernel is left behind: it ends when its disk answers."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return

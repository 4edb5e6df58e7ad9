"""Has thumbnails made, by processes that may die of a hostile file or hang in it: that costs one thumbnail."""

import os
import selectors
import subprocess
import time
from collections.abc import Iterable

from catalog.config.settings import IntakeSettings
from catalog.python_process import module_command

SECONDS_PER_FILE = 10.0  # for one file
TOTAL_SECONDS = 120.0  # for all of them: a share that answers nobody must not keep the report
CHUNK_BYTES = 1 << 16

EncodedThumbnails = dict[bytes, str]


def make_thumbnails(
    paths: Iterable[bytes], limits: IntakeSettings, all_seconds: float = TOTAL_SECONDS
) -> EncodedThumbnails:
    """A small JPEG in base64 for each path that can be shown; the others are left out."""
    until = time.monotonic() + all_seconds
    found: EncodedThumbnails = {}
    room: ThumbnailProcess | None = None
    try:
        for path in dict.fromkeys(paths):
            if time.monotonic() > until:
                break
            room = room or ThumbnailProcess(limits)
            answer = room.ask(path, min(SECONDS_PER_FILE, limits.seconds))
            if answer is None:
                room.close()
                room = None
            elif answer:
                found[path] = answer
    finally:
        if room is not None:
            room.close()
    return found


class ThumbnailProcess:
    """One process that makes thumbnails, one at a time."""

    def __init__(self, limits: IntakeSettings) -> None:
        memory, pixels = limits.memory_mb * 1_000_000, int(limits.max_megapixels * 1e6)
        call = module_command("catalog.report.thumbnail_worker", str(memory), str(pixels))
        self._process = subprocess.Popen(
            call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._asked, self._told = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._told, False)

    def ask(self, path: bytes, seconds: float) -> str | None:
        """What it answers within so many seconds; None when it died or did not. It is of no use then."""
        try:
            os.write(self._asked, path.hex().encode() + b"\n")
        except BrokenPipeError:
            return None
        until, said = time.monotonic() + seconds, bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._told, selectors.EVENT_READ)
            while not said.endswith(b"\n"):
                if not selector.select(max(0.0, until - time.monotonic())):
                    return None
                part = os.read(self._told, CHUNK_BYTES)
                if not part:
                    return None
                said += part
        return said.decode("ascii").strip()

    def close(self) -> None:
        """End it. One that hangs in the kernel is left behind: it ends when its disk answers."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return

"""Decode images, under a root or not, in worker processes, so that a hostile file fails alone."""

import hashlib
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.errors import ResourceError, error_text
from catalog.files.results import ImageFacts
from catalog.filesystem.safe_read import open_regular
from catalog.python_process import forkserver_context
from catalog.sandbox import confine
from catalog.store.database import Database
from catalog.verdict.block_checksums import block_checksums
from models.decode.reason import VALIDATOR_VERSION, DecodeError, RejectReason

if TYPE_CHECKING:
    from models.recipe import Recipe

TASKS_PER_WORKER = 4  # files queued per process
EMBEDDED_SQL = (
    "SELECT 1 FROM content c JOIN vector v ON v.content = c.id WHERE c.sha256 = ? AND v.model = ? AND c.proof >= ?"
)


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """Settings of a worker; limits are for one file. Files that have a vector of `model` are hashed, not decoded."""

    database: Path
    model: int
    recipe: "Recipe"
    workers: int
    memory_bytes: int
    max_pixels: int
    seconds: float


@dataclass(frozen=True, slots=True)
class DecodeResult:
    """A file and its content.

    `facts`, `pixels` (uint8, shaped by the model's recipe) and `blocks` are set only if the catalog has no vector of
    the content yet. If the file cannot be used, only `reason` and `detail` are set.
    """

    path: bytes
    sha256: bytes = b""
    size: int = 0
    facts: ImageFacts | None = None
    pixels: bytes = b""
    blocks: bytes = b""
    reason: str = ""
    detail: str = ""


def is_embedded(database: Database, model: int, sha256: bytes) -> bool:
    """Return whether these bytes passed the current validators and have a vector of this model."""
    return database.row(EMBEDDED_SQL, sha256, model, VALIDATOR_VERSION) is not None


def decode_files(paths: Iterable[bytes], settings: DecodeSettings) -> Iterator[DecodeResult]:
    """Yield a result for each file, in any order. If a worker dies, retry each of its files alone, in a new process.

    Raises ResourceError if no process can be started.
    """
    remaining = iter(paths)
    while True:
        lost: list[bytes] = []
        yield from _decode_until_crash(remaining, settings, lost)
        if not lost:
            return
        for path in lost:
            yield _decode_alone(path, settings)


def _decode_until_crash(
    remaining: Iterator[bytes], settings: DecodeSettings, lost: list[bytes]
) -> Iterator[DecodeResult]:
    """Yield results until a worker dies; append the unfinished files to `lost`, as any of them may be the cause.

    Results that were ready by then are yielded, too.
    """
    pending: deque[tuple[bytes, Future[DecodeResult]]] = deque()
    pool = ProcessPoolExecutor(settings.workers, forkserver_context(), start_worker, (settings,))
    try:
        while True:
            room = 0 if lost else TASKS_PER_WORKER * settings.workers - len(pending)
            for path in islice(remaining, room):
                try:
                    pending.append((path, pool.submit(decode_file, path)))
                except BrokenProcessPool:
                    lost.append(path)
                    break
            if not pending:
                return
            path, future = pending.popleft()
            try:
                yield future.result()
            except BrokenProcessPool:
                lost.append(path)
    finally:
        pool.shutdown(cancel_futures=True)


def _decode_alone(path: bytes, settings: DecodeSettings) -> DecodeResult:
    context = forkserver_context()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_result, args=(sender, settings, path), daemon=True)
    process.start()
    sender.close()
    try:
        result: DecodeResult = receiver.recv()
    except (EOFError, OSError):  # also if it ended in the middle of its answer
        process.join()
        if (process.exitcode or 0) >= 0:  # not killed by a signal, so not because of the file
            raise ResourceError(
                "image workers exit during start-up", "See the messages above. Perhaps there is not enough free memory."
            ) from None
        slow = process.exitcode == -signal.SIGALRM
        detail = f"more than {settings.seconds:g} s" if slow else f"the worker exited with {process.exitcode}"
        return DecodeResult(path, reason=RejectReason.SLOW if slow else RejectReason.CRASH, detail=detail)
    finally:
        process.join()
        receiver.close()
    return result


def _send_result(pipe: Connection, settings: DecodeSettings, path: bytes) -> None:
    start_worker(settings)
    pipe.send(decode_file(path))


_settings: DecodeSettings
_database: Database


def start_worker(settings: DecodeSettings) -> None:
    """Initialize a worker process: set its limits, then open the catalog read-only."""
    global _settings, _database
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command handles the interrupt and ends its workers
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends a decoder that hangs
    confine(settings.memory_bytes, may_write=True)
    _settings, _database = settings, Database(settings.database, write=False)


def decode_file(path: bytes) -> DecodeResult:
    """Hash one file, and decode it if the catalog has no vector of it yet."""
    signal.setitimer(signal.ITIMER_REAL, _settings.seconds)
    try:
        return _decode(path)
    except OSError as error:
        return DecodeResult(path, reason=RejectReason.UNREADABLE, detail=error_text(error))
    except DecodeError as error:
        return DecodeResult(path, reason=error.reason, detail=error.detail)
    except MemoryError:
        return DecodeResult(path, reason=RejectReason.MEMORY, detail="more than a worker may have")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _decode(path: bytes) -> DecodeResult:
    from models.picture import read_picture

    with open_regular(path) as opened, open(opened.handle, "rb", buffering=0, closefd=False) as file:
        size = opened.stat.st_size
        if size > _settings.memory_bytes // 4:
            raise DecodeError(RejectReason.LARGE, f"{size} bytes; the limit is {_settings.memory_bytes // 4}")
        data = file.readall()
    sha256 = hashlib.sha256(data).digest()
    if is_embedded(_database, _settings.model, sha256):
        return DecodeResult(path, sha256, len(data))
    picture = read_picture(data, _settings.recipe, max_pixels=_settings.max_pixels)
    facts = ImageFacts(
        *(picture.format, picture.width, picture.height, picture.taken_at, picture.camera),
        *(picture.note, picture.suspect, picture.digest, picture.detail),
    )
    return DecodeResult(path, sha256, len(data), facts, picture.pixels.tobytes(), block_checksums(data))

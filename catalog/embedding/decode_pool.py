"""Read pictures that need not lie under a root, in processes of their own: a hostile file costs only itself."""

import hashlib
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.errors import ResourceError
from catalog.files.results import ImageFacts
from catalog.filesystem.safe_read import open_regular
from catalog.python_process import forkserver_context
from catalog.sandbox import confine
from catalog.store.database import Database
from catalog.verdict.block_checksums import block_checksums
from models.decode.reason import VALIDATOR_VERSION, DecodeError, RejectReason

if TYPE_CHECKING:
    from models.recipe import Recipe

TASKS_PER_WORKER = 4  # files in hand for each process
EMBEDDED_SQL = (
    "SELECT 1 FROM content c JOIN vector v ON v.content = c.id WHERE c.sha256 = ? AND v.model = ? AND c.proof >= ?"
)


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """What a process needs to know. `seconds` and `memory_bytes`: for one file; `model`: whose vectors count."""

    database: Path
    model: int
    recipe: "Recipe"
    workers: int
    memory_bytes: int
    max_pixels: int
    seconds: float


@dataclass(frozen=True, slots=True)
class DecodeResult:
    """A file and its content. `facts`, `pixels` (uint8, as the model's recipe wants them) and `blocks` are there only
    where the catalog has no vector of it yet; `reason` only where it cannot be used, and then nothing else is.
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
    """Whether these bytes were proved by the present validators, and have a vector of this model."""
    return database.row(EMBEDDED_SQL, sha256, model, VALIDATOR_VERSION) is not None


def decode_files(paths: Iterable[bytes], orders: DecodeSettings) -> Iterator[DecodeResult]:
    """A reading of each, in any order. A file whose reader dies is read once more, alone, to be sure.

    Raises PlaceFault where no process can be started.
    """
    waiting = iter(paths)
    while True:
        lost: list[bytes] = []
        yield from _decode_until_crash(waiting, orders, lost)
        if not lost:
            return
        for path in lost:
            yield _decode_alone(path, orders)


def _decode_until_crash(waiting: Iterator[bytes], orders: DecodeSettings, lost: list[bytes]) -> Iterator[DecodeResult]:
    """`lost` gets the files that were in hand when a process died: nobody tells which of them it was."""
    hands: deque[tuple[bytes, Future[DecodeResult]]] = deque()
    pool = ProcessPoolExecutor(orders.workers, forkserver_context(), start_worker, (orders,))
    try:
        while True:
            while len(hands) < TASKS_PER_WORKER * orders.workers and (path := next(waiting, None)) is not None:
                try:
                    hands.append((path, pool.submit(decode_file, path)))
                except BrokenProcessPool:
                    lost.append(path)
                    break
            if not hands:
                return
            path, future = hands.popleft()
            try:
                yield future.result()
            except BrokenProcessPool:
                lost.append(path)
            if lost:
                yield from _finished_results(hands, lost)
                return
    finally:
        pool.shutdown(cancel_futures=True)


def _finished_results(hands: deque[tuple[bytes, "Future[DecodeResult]"]], lost: list[bytes]) -> Iterator[DecodeResult]:
    """Of what was in hand when the pool broke, what had been read by then."""
    for path, future in hands:
        try:
            yield future.result()
        except BrokenProcessPool:
            lost.append(path)


def _decode_alone(path: bytes, orders: DecodeSettings) -> DecodeResult:
    context = forkserver_context()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send_result, args=(theirs, orders, path), daemon=True)
    process.start()
    theirs.close()
    try:
        found: DecodeResult = ours.recv()
    except (EOFError, OSError):  # also in the middle of what it had to say
        process.join()
        if (process.exitcode or 0) >= 0:  # by its own fault: not of a signal, which the file may have caused
            raise ResourceError(
                "the processes that read pictures end before they begin", "See above; there may be no memory left."
            ) from None
        slow = process.exitcode == -signal.SIGALRM
        detail = f"more than {orders.seconds:g} s" if slow else f"the reader ended with {process.exitcode}"
        return DecodeResult(path, reason=RejectReason.SLOW if slow else RejectReason.CRASH, detail=detail)
    finally:
        process.join()
        ours.close()
    return found


def _send_result(pipe: Connection, orders: DecodeSettings, path: bytes) -> None:
    start_worker(orders)
    pipe.send(decode_file(path))


_settings: DecodeSettings
_database: Database


def start_worker(orders: DecodeSettings) -> None:
    """The start of a process: limits first, and the catalog to ask what is known, read-only."""
    global _settings, _database
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command itself is interrupted, and ends us
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends a decoder wherever it hangs
    confine(orders.memory_bytes, may_write=True)
    _settings, _database = orders, Database(orders.database, write=False)


def decode_file(path: bytes) -> DecodeResult:
    """One file, once: its hash, and its picture if the catalog does not know it yet."""
    signal.setitimer(signal.ITIMER_REAL, _settings.seconds)
    try:
        return _decode(path)
    except OSError as error:
        return DecodeResult(path, reason=RejectReason.UNREADABLE, detail=os.strerror(error.errno or 0).lower())
    except DecodeError as error:
        return DecodeResult(path, reason=error.reason, detail=error.detail)
    except MemoryError:
        return DecodeResult(path, reason=RejectReason.MEMORY, detail="more than a reader may have")
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
    shown = (picture.format, picture.width, picture.height, picture.taken_at, picture.camera)
    facts = ImageFacts(*shown, picture.note, picture.suspect, picture.digest, picture.detail)
    return DecodeResult(path, sha256, len(data), facts, picture.pixels.tobytes(), block_checksums(data))

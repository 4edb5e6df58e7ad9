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

from catalog.errors import PlaceFault
from catalog.files.results import Facts
from catalog.filesystem.safe_read import open_regular
from catalog.python_process import forkserver
from catalog.sandbox import confine
from catalog.store.database import Database
from catalog.verdict.block_checksums import sums
from models.decode.reason import PROOF, Reason, Unfit

if TYPE_CHECKING:
    from models.recipe import Recipe

AHEAD = 4  # files in hand for each process
RECOGNISED = (
    "SELECT 1 FROM content c JOIN vector v ON v.content = c.id WHERE c.sha256 = ? AND v.model = ? AND c.proof >= ?"
)


@dataclass(frozen=True, slots=True)
class Orders:
    """What a process needs to know. `seconds` and `memory_bytes`: for one file; `model`: whose vectors count."""

    database: Path
    model: int
    recipe: "Recipe"
    workers: int
    memory_bytes: int
    max_pixels: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A file and its content. `facts`, `pixels` (uint8, as the model's recipe wants them) and `blocks` are there only
    where the catalog has no vector of it yet; `reason` only where it cannot be used, and then nothing else is.
    """

    path: bytes
    sha256: bytes = b""
    size: int = 0
    facts: Facts | None = None
    pixels: bytes = b""
    blocks: bytes = b""
    reason: str = ""
    detail: str = ""


def recognised(database: Database, model: int, sha256: bytes) -> bool:
    """Whether these bytes were proved by the present validators, and have a vector of this model."""
    return database.row(RECOGNISED, sha256, model, PROOF) is not None


def read_all(paths: Iterable[bytes], orders: Orders) -> Iterator[Reading]:
    """A reading of each, in any order. A file whose reader dies is read once more, alone, to be sure.

    Raises PlaceFault where no process can be started.
    """
    waiting = iter(paths)
    while True:
        lost: list[bytes] = []
        yield from _until_a_death(waiting, orders, lost)
        if not lost:
            return
        for path in lost:
            yield _alone(path, orders)


def _until_a_death(waiting: Iterator[bytes], orders: Orders, lost: list[bytes]) -> Iterator[Reading]:
    """`lost` gets the files that were in hand when a process died: nobody tells which of them it was."""
    hands: deque[tuple[bytes, Future[Reading]]] = deque()
    pool = ProcessPoolExecutor(orders.workers, forkserver(), begin, (orders,))
    try:
        while True:
            while len(hands) < AHEAD * orders.workers and (path := next(waiting, None)) is not None:
                try:
                    hands.append((path, pool.submit(read, path)))
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
                yield from _whole(hands, lost)
                return
    finally:
        pool.shutdown(cancel_futures=True)


def _whole(hands: deque[tuple[bytes, "Future[Reading]"]], lost: list[bytes]) -> Iterator[Reading]:
    """Of what was in hand when the pool broke, what had been read by then."""
    for path, future in hands:
        try:
            yield future.result()
        except BrokenProcessPool:
            lost.append(path)


def _alone(path: bytes, orders: Orders) -> Reading:
    context = forkserver()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, orders, path), daemon=True)
    process.start()
    theirs.close()
    try:
        found: Reading = ours.recv()
    except (EOFError, OSError):  # also in the middle of what it had to say
        process.join()
        if (process.exitcode or 0) >= 0:  # by its own fault: not of a signal, which the file may have caused
            raise PlaceFault(
                "the processes that read pictures end before they begin", "See above; there may be no memory left."
            ) from None
        slow = process.exitcode == -signal.SIGALRM
        detail = f"more than {orders.seconds:g} s" if slow else f"the reader ended with {process.exitcode}"
        return Reading(path, reason=Reason.SLOW if slow else Reason.CRASH, detail=detail)
    finally:
        process.join()
        ours.close()
    return found


def _answer(pipe: Connection, orders: Orders, path: bytes) -> None:
    begin(orders)
    pipe.send(read(path))


_orders: Orders
_database: Database


def begin(orders: Orders) -> None:
    """The start of a process: limits first, and the catalog to ask what is known, read-only."""
    global _orders, _database
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command itself is interrupted, and ends us
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends a decoder wherever it hangs
    confine(orders.memory_bytes, may_write=True)
    _orders, _database = orders, Database(orders.database, write=False)


def read(path: bytes) -> Reading:
    """One file, once: its hash, and its picture if the catalog does not know it yet."""
    signal.setitimer(signal.ITIMER_REAL, _orders.seconds)
    try:
        return _read(path)
    except OSError as error:
        return Reading(path, reason=Reason.UNREADABLE, detail=os.strerror(error.errno or 0).lower())
    except Unfit as error:
        return Reading(path, reason=error.reason, detail=error.detail)
    except MemoryError:
        return Reading(path, reason=Reason.MEMORY, detail="more than a reader may have")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _read(path: bytes) -> Reading:
    from models.picture import read_picture

    with open_regular(path) as opened, open(opened.handle, "rb", buffering=0, closefd=False) as file:
        size = opened.stat.st_size
        if size > _orders.memory_bytes // 4:
            raise Unfit(Reason.LARGE, f"{size} bytes; the limit is {_orders.memory_bytes // 4}")
        data = file.readall()
    sha256 = hashlib.sha256(data).digest()
    if recognised(_database, _orders.model, sha256):
        return Reading(path, sha256, len(data))
    picture = read_picture(data, _orders.recipe, max_pixels=_orders.max_pixels)
    shown = (picture.format, picture.width, picture.height, picture.taken_at, picture.camera)
    facts = Facts(*shown, picture.note, picture.suspect, picture.digest, picture.detail)
    return Reading(path, sha256, len(data), facts, picture.pixels.tobytes(), sums(data))

"""Read one file once: hash, strict validation, and the model's pixels from the same bytes."""

import errno
import hashlib
import os
from typing import Protocol

from catalog.crash_points import point
from catalog.files.results import Facts
from catalog.filesystem.safe_read import NotRegular, OpenFile, open_regular
from catalog.filesystem.stat_signature import signature
from catalog.verdict.block_checksums import sums
from daemon.intake.previous_content import Past, compare
from daemon.messages import Decoded, Outcome, Recognised, Rejected, Restless, Task
from models.decode.extension import with_name
from models.decode.reason import Reason, Unfit
from models.picture import Recipe, read_picture

CHUNK = 1 << 20
ELSEWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)  # no regular file stands there any more


class Known(Protocol):
    """What is asked of the catalog."""

    def recognised(self, sha256: bytes) -> bool:
        """Whether these bytes were proved by these validators and have a vector already."""

    def past(self, content: int) -> Past | None:
        """A content by its row's id."""


def examine(task: Task, recipe: Recipe, max_bytes: int, max_pixels: int, known: Known) -> Outcome:
    """A pure function of the task and of the disk. Never raises for what is the file's fault."""
    try:
        with open_regular(task.path) as opened:
            try:
                return _read(opened, task, recipe, max_bytes, max_pixels, known)
            except OSError as error:
                return _unreadable(task, error)
    except NotRegular:
        return Restless(task)
    except OSError as error:
        return Restless(task) if error.errno in ELSEWHERE else _unreadable(task, error)


def _unreadable(task: Task, error: OSError) -> Rejected:
    word = os.strerror(error.errno or 0).lower()
    return Rejected(task, "read", Reason.UNREADABLE, word, transient=True)


def _read(opened: OpenFile, task: Task, recipe: Recipe, max_bytes: int, max_pixels: int, known: Known) -> Outcome:
    handle, before, _ = opened
    if signature(before).stamp != task.signature.stamp:
        return Restless(task)
    data, digest = _content(handle, before.st_size, max_bytes)
    if signature(os.fstat(handle)).stamp != task.signature.stamp:
        return Restless(task)
    point("intake.read")
    past = None if task.content is None else known.past(task.content)
    clues = compare(past, digest, data)
    if known.recognised(digest):
        return Recognised(task, digest, clues)
    if data is None:
        detail = f"{before.st_size} bytes; the limit is {max_bytes}"
        return Rejected(task, "read", Reason.LARGE, detail, digest, clues=clues)
    outcome = _decode(task, data, digest, recipe, max_pixels)._replace(blocks=sums(data), clues=clues)
    if isinstance(outcome, Decoded) and past is not None and clues.past:
        return outcome._replace(before=past.vector)
    return outcome


def _content(handle: int, size: int, max_bytes: int) -> tuple[bytes | None, bytes]:
    """The bytes, if they may be held in memory, and their sha256."""
    if size <= max_bytes:
        with open(handle, "rb", buffering=0, closefd=False) as file:
            data = file.readall()
        return data, hashlib.sha256(data).digest()
    digest = hashlib.sha256()
    while chunk := os.read(handle, CHUNK):
        digest.update(chunk)
    return None, digest.digest()


def _decode(task: Task, data: bytes, digest: bytes, recipe: Recipe, max_pixels: int) -> Decoded | Rejected:
    try:
        picture = read_picture(data, recipe, max_pixels=max_pixels)
    except Unfit as error:
        unfit = with_name(error, os.path.basename(task.path))
        return Rejected(task, "decode", unfit.reason, unfit.detail, digest)
    point("intake.decoded")
    shown = (picture.format, picture.width, picture.height, picture.taken_at, picture.camera)
    facts = Facts(*shown, picture.note, picture.suspect, picture.digest, picture.detail)
    return Decoded(task, digest, facts, picture.pixels.tobytes())

"""Read one file once: hash, strict validation, and the model's pixels from the same bytes."""

import errno
import hashlib
import os
from typing import Protocol

from catalog.crash_points import crash_point
from catalog.files.results import ImageFacts
from catalog.filesystem.safe_read import NotRegular, OpenFile, open_regular
from catalog.filesystem.stat_signature import signature_of
from catalog.verdict.block_checksums import block_checksums
from daemon.intake.previous_content import PreviousContent, compare_with_previous
from daemon.messages import AlreadyEmbedded, Decoded, FileChanged, ReadTask, Rejected, WorkerOutcome
from models.decode.extension import reclassify_by_name
from models.decode.reason import DecodeError, RejectReason
from models.picture import Recipe, read_picture

CHUNK_BYTES = 1 << 20
NO_FILE_ERRNOS = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)  # no regular file stands there any more


class CatalogLookup(Protocol):
    """What is asked of the catalog."""

    def recognised(self, sha256: bytes) -> bool:
        """Whether these bytes were proved by these validators and have a vector already."""

    def past(self, content: int) -> PreviousContent | None:
        """A content by its row's id."""


def read_file(task: ReadTask, recipe: Recipe, max_bytes: int, max_pixels: int, known: CatalogLookup) -> WorkerOutcome:
    """A pure function of the task and of the disk. Never raises for what is the file's fault."""
    try:
        with open_regular(task.path) as opened:
            try:
                return _read(opened, task, recipe, max_bytes, max_pixels, known)
            except OSError as error:
                return _unreadable(task, error)
    except NotRegular:
        return FileChanged(task)
    except OSError as error:
        return FileChanged(task) if error.errno in NO_FILE_ERRNOS else _unreadable(task, error)


def _unreadable(task: ReadTask, error: OSError) -> Rejected:
    word = os.strerror(error.errno or 0).lower()
    return Rejected(task, "read", RejectReason.UNREADABLE, word, transient=True)


def _read(
    opened: OpenFile, task: ReadTask, recipe: Recipe, max_bytes: int, max_pixels: int, known: CatalogLookup
) -> WorkerOutcome:
    handle, before, _ = opened
    if signature_of(before).stamp != task.signature.stamp:
        return FileChanged(task)
    data, digest = _read_content(handle, before.st_size, max_bytes)
    if signature_of(os.fstat(handle)).stamp != task.signature.stamp:
        return FileChanged(task)
    crash_point("intake.read")
    past = None if task.content is None else known.past(task.content)
    comparison = compare_with_previous(past, digest, data)
    if known.recognised(digest):
        return AlreadyEmbedded(task, digest, comparison)
    if data is None:
        detail = f"{before.st_size} bytes; the limit is {max_bytes}"
        return Rejected(task, "read", RejectReason.LARGE, detail, digest, comparison=comparison)
    outcome = _decode(task, data, digest, recipe, max_pixels)._replace(
        blocks=block_checksums(data), comparison=comparison
    )
    if isinstance(outcome, Decoded) and past is not None and comparison.past:
        return outcome._replace(previous_vector=past.vector)
    return outcome


def _read_content(handle: int, size: int, max_bytes: int) -> tuple[bytes | None, bytes]:
    """The bytes, if they may be held in memory, and their sha256."""
    if size <= max_bytes:
        with open(handle, "rb", buffering=0, closefd=False) as file:
            data = file.readall()
        return data, hashlib.sha256(data).digest()
    digest = hashlib.sha256()
    while chunk := os.read(handle, CHUNK_BYTES):
        digest.update(chunk)
    return None, digest.digest()


def _decode(task: ReadTask, data: bytes, digest: bytes, recipe: Recipe, max_pixels: int) -> Decoded | Rejected:
    try:
        picture = read_picture(data, recipe, max_pixels=max_pixels)
    except DecodeError as error:
        unfit = reclassify_by_name(error, os.path.basename(task.path))
        return Rejected(task, "decode", unfit.reason, unfit.detail, digest)
    crash_point("intake.decoded")
    shown = (picture.format, picture.width, picture.height, picture.taken_at, picture.camera)
    facts = ImageFacts(*shown, picture.note, picture.suspect, picture.digest, picture.detail)
    return Decoded(task, digest, facts, picture.pixels.tobytes())

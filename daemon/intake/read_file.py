"""Read a file once: its hash, strict validation, and the pixels for the model, from the same bytes."""

import errno
import hashlib
import os

from catalog.crash_points import crash_point
from catalog.files.results import ImageFacts
from catalog.filesystem.safe_read import NotRegular, OpenFile, open_regular
from catalog.filesystem.stat_signature import signature_of
from catalog.verdict.block_checksums import block_checksums
from daemon.intake.previous_content import DatabaseLookup, compare_with_previous
from daemon.messages import AlreadyEmbedded, Decoded, FileChanged, ReadTask, Rejected, WorkerOutcome
from models.decode.extension import reclassify_by_name
from models.decode.reason import DecodeError, RejectReason
from models.picture import Recipe, read_picture

CHUNK_BYTES = 1 << 20
NO_FILE_ERRNOS = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)  # the path has no regular file any more


def read_file(task: ReadTask, recipe: Recipe, max_bytes: int, max_pixels: int, lookup: DatabaseLookup) -> WorkerOutcome:
    """Return the outcome of reading one file. Never raises for a fault of the file.

    `max_bytes`: a larger file is hashed but not decoded. `max_pixels`: of the decoded image.
    """
    try:
        with open_regular(task.path) as opened:
            try:
                return _read(opened, task, recipe, max_bytes, max_pixels, lookup)
            except OSError as error:
                return _unreadable(task, error)
    except NotRegular:
        return FileChanged(task)
    except OSError as error:
        return FileChanged(task) if error.errno in NO_FILE_ERRNOS else _unreadable(task, error)


def _unreadable(task: ReadTask, error: OSError) -> Rejected:
    detail = os.strerror(error.errno or 0).lower()
    return Rejected(task, "read", RejectReason.UNREADABLE, detail, transient=True)


def _read(
    opened: OpenFile, task: ReadTask, recipe: Recipe, max_bytes: int, max_pixels: int, lookup: DatabaseLookup
) -> WorkerOutcome:
    handle, before, _ = opened
    if signature_of(before).stamp != task.signature.stamp:
        return FileChanged(task)
    data, sha256 = _read_content(handle, before.st_size, max_bytes)
    if signature_of(os.fstat(handle)).stamp != task.signature.stamp:
        return FileChanged(task)
    crash_point("intake.read")
    previous = None if task.content is None else lookup.previous(task.content)
    comparison = compare_with_previous(previous, sha256, data)
    if lookup.is_embedded(sha256):
        return AlreadyEmbedded(task, sha256, comparison)
    if data is None:
        detail = f"{before.st_size} bytes; the limit is {max_bytes}"
        return Rejected(task, "read", RejectReason.LARGE, detail, sha256, comparison=comparison)
    outcome = _decode(task, data, sha256, recipe, max_pixels)._replace(
        blocks=block_checksums(data), comparison=comparison
    )
    if isinstance(outcome, Decoded) and previous is not None and comparison.previous:
        return outcome._replace(previous_vector=previous.vector)
    return outcome


def _read_content(handle: int, size: int, max_bytes: int) -> tuple[bytes | None, bytes]:
    """Return the bytes, None for more than `max_bytes`, and their SHA-256."""
    if size <= max_bytes:
        with open(handle, "rb", buffering=0, closefd=False) as file:
            data = file.readall()
        return data, hashlib.sha256(data).digest()
    digest = hashlib.sha256()
    while chunk := os.read(handle, CHUNK_BYTES):
        digest.update(chunk)
    return None, digest.digest()


def _decode(task: ReadTask, data: bytes, sha256: bytes, recipe: Recipe, max_pixels: int) -> Decoded | Rejected:
    try:
        picture = read_picture(data, recipe, max_pixels=max_pixels)
    except DecodeError as error:
        named = reclassify_by_name(error, os.path.basename(task.path))
        return Rejected(task, "decode", named.reason, named.detail, sha256)
    crash_point("intake.decoded")
    facts = ImageFacts(
        format=picture.format,
        width=picture.width,
        height=picture.height,
        taken_at=picture.taken_at,
        camera=picture.camera,
        note=picture.note,
        suspect=picture.suspect,
        picture=picture.digest,
        detail=picture.detail,
    )
    return Decoded(task, sha256, facts, picture.pixels.tobytes())

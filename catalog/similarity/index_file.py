"""The index on disk: two payload slots and one small head file that names the good one.

The head is replaced by one rename after the payload is proved and synced, so a kill at any point leaves the old
snapshot or the new one. hnswlib reports no full disk and may crash the process over damaged bytes: sizes are compared
after writing, and hashes before loading. Light on purpose (no numpy, no hnswlib) until `load` is called.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from catalog.errors import ResourceError
from catalog.filesystem.atomic_write import fsync_directory
from catalog.state_dir import INDEX_HEADS

if TYPE_CHECKING:
    from catalog.similarity.index import VectorIndex

FORMAT_VERSION = 2
SLOTS = ("a", "b")


@dataclass(frozen=True, slots=True)
class SnapshotHeader:
    """What a snapshot holds. `seq`: the place in the change log it reaches, and `timeline` the branch of it."""

    version: int
    digest: str
    dims: int
    count: int
    deleted: int
    seq: int
    timeline: str
    parameters: dict[str, int | str]
    slot: str
    bytes: int
    sha256: str
    states: int
    states_sha256: str


class LoadedSnapshot(NamedTuple):
    """A proved index and its header."""

    neighbours: "VectorIndex"
    header: SnapshotHeader


class UnusableSnapshot(NamedTuple):
    """There is no snapshot to use, and why."""

    why: str


def _stem(digest: str) -> str:
    return "index-" + hashlib.sha256(digest.encode()).hexdigest()[:16]


def header_path(folder: Path, digest: str) -> Path:
    """Where the head file of this model's snapshot lies."""
    return folder / f"{_stem(digest)}.head"


def payload_path(folder: Path, digest: str, slot: str) -> Path:
    """Where hnswlib's file in this slot lies."""
    return folder / f"{_stem(digest)}.{slot}.hnsw"


def read_header(folder: Path, digest: str) -> SnapshotHeader | None:
    """The snapshot's header, or None where there is none that can be read. The payload is not looked at."""
    found = _read_header_file(header_path(folder, digest), digest, with_states=False)
    return found[0] if isinstance(found, tuple) else None


def _read_header_file(path: Path, digest: str, *, with_states: bool) -> tuple[SnapshotHeader, bytes] | str:
    """The header and the block of states behind it, or what is wrong."""
    try:
        with path.open("rb") as head:
            line, check = head.readline().rstrip(b"\n"), head.readline()
            states = head.read() if with_states else b""
        if hashlib.sha256(line).hexdigest().encode() + b"\n" != check:
            return "its header is damaged"
        fields = json.loads(line)
        if fields.get("version") != FORMAT_VERSION:
            return f"its format is version {fields.get('version')}, not {FORMAT_VERSION}"
        header = SnapshotHeader(**fields)
    except FileNotFoundError:
        return "there is none"
    except OSError as error:
        return f"its header cannot be read: {error.strerror}"
    except (ValueError, TypeError, AttributeError):
        return "its header is damaged"
    return (header, states) if header.digest == digest else "it was made by another model"


def load_snapshot(folder: Path, digest: str, dims: int, threads: int = 1) -> LoadedSnapshot | UnusableSnapshot:
    """The saved index of this model, every byte of it proved. Never raises over what lies on the disk."""
    found = _read_header_file(header_path(folder, digest), digest, with_states=True)
    if isinstance(found, str):
        return UnusableSnapshot(found)
    header, states = found
    if header.dims != dims:
        return UnusableSnapshot(f"it has {header.dims} dimensions, not {dims}")
    if len(states) != header.states or hashlib.sha256(states).hexdigest() != header.states_sha256:
        return UnusableSnapshot("its states are damaged")
    try:
        return _load_payload(payload_path(folder, digest, header.slot), header, states, threads)
    except OSError as error:
        return UnusableSnapshot(f"its payload cannot be read: {error.strerror}")


def _load_payload(path: Path, header: SnapshotHeader, states: bytes, threads: int) -> LoadedSnapshot | UnusableSnapshot:
    import numpy as np

    from catalog.similarity.index import VectorIndex

    with path.open("rb") as payload:  # held open: what is proved is what is loaded, though a save takes the name
        if os.fstat(payload.fileno()).st_size != header.bytes:
            return UnusableSnapshot("its payload is cut short")
        if hashlib.file_digest(payload, "sha256").hexdigest() != header.sha256:
            return UnusableSnapshot("its payload is damaged")
        name = Path(f"/proc/self/fd/{payload.fileno()}")
        try:
            loaded = VectorIndex.load(name, np.frombuffer(states, np.uint8), header.dims, threads)
        except RuntimeError as error:
            return UnusableSnapshot(f"hnswlib refuses it: {error}")
    if (loaded.live, loaded.deleted) != (header.count, header.deleted):
        return UnusableSnapshot("its counts do not fit")
    return LoadedSnapshot(loaded, header)


def remove_all_snapshots(folder: Path) -> int:
    """Remove every snapshot: the ids in them are those of another catalog. Returns how many there were."""
    heads = list(folder.glob(INDEX_HEADS))
    for head in heads:
        head.unlink(missing_ok=True)
    return len(heads)


def remove_snapshot(folder: Path, digest: str) -> None:
    """Delete this model's snapshot, its head first: ids of vectors that are deleted may be given out again."""
    header_path(folder, digest).unlink(missing_ok=True)
    for slot in SLOTS:
        payload_path(folder, digest, slot).unlink(missing_ok=True)


def save_snapshot(folder: Path, neighbours: "VectorIndex", digest: str, seq: int, timeline: str) -> SnapshotHeader:
    """Write the index atomically. Nobody may change `neighbours` meanwhile.

    Raises:
        PlaceFault: it could not be written whole; the snapshot before it is untouched.
    """
    before = read_header(folder, digest)
    slot = SLOTS[1] if before and before.slot == SLOTS[0] else SLOTS[0]
    payload, head = payload_path(folder, digest, slot), header_path(folder, digest)
    part = head.with_suffix(".part")
    try:
        payload.unlink(missing_ok=True)  # a reader may still hold what lay here
        header, states = _write_payload(payload, neighbours, digest, seq, timeline, slot)
        _write_header_file(part, header, states)
        part.replace(head)
        fsync_directory(folder)
    except (OSError, RuntimeError) as error:
        for path in (part, payload):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise ResourceError(
            f"the index snapshot could not be saved in {folder}: {error}",
            "Free some space there and see that it is writable; the snapshot before it still serves.",
        ) from error
    for other in SLOTS:
        if other != slot:
            with suppress(OSError):
                payload_path(folder, digest, other).unlink(missing_ok=True)
    return header


def _write_payload(
    path: Path, neighbours: "VectorIndex", digest: str, seq: int, timeline: str, slot: str
) -> tuple[SnapshotHeader, bytes]:
    expected, states = neighbours.save(path)
    with path.open("rb") as payload:
        written = os.fstat(payload.fileno()).st_size
        if written != expected:
            raise OSError(f"{written} of {expected} bytes were written")
        os.fsync(payload.fileno())
        sha256 = hashlib.file_digest(payload, "sha256").hexdigest()
    block = states.tobytes()
    return SnapshotHeader(
        version=FORMAT_VERSION,
        digest=digest,
        dims=neighbours.dims,
        count=neighbours.live,
        deleted=neighbours.deleted,
        seq=seq,
        timeline=timeline,
        parameters=neighbours.parameters,
        slot=slot,
        bytes=expected,
        sha256=sha256,
        states=len(block),
        states_sha256=hashlib.sha256(block).hexdigest(),
    ), block


def _write_header_file(path: Path, header: SnapshotHeader, states: bytes) -> None:
    line = json.dumps(asdict(header)).encode()
    with path.open("wb") as head:
        head.write(line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n" + states)
        head.flush()
        os.fsync(head.fileno())

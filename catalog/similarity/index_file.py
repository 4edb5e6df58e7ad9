"""Index snapshots on disk: two payload slots, and a small header file that names the current slot.

The header is replaced by one rename after the payload is verified and synced, so a kill at any point leaves the old
snapshot or the new one. hnswlib does not report a full disk and may crash the process on damaged bytes, so sizes are
compared after writing and hashes before loading. Imports neither numpy nor hnswlib until `load_snapshot` is called.
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
NO_SNAPSHOT = "no snapshot file"  # the reason where none was ever written


@dataclass(frozen=True, slots=True)
class SnapshotHeader:
    """The header of a snapshot. `seq`: the last applied entry of the change log; `timeline`: the log's branch."""

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
    """A verified index and its header."""

    vector_index: "VectorIndex"
    header: SnapshotHeader


def _stem(digest: str) -> str:
    return "index-" + hashlib.sha256(digest.encode()).hexdigest()[:16]


def header_path(folder: Path, digest: str) -> Path:
    """Return the path of the header file of this model's snapshot."""
    return folder / f"{_stem(digest)}.head"


def payload_path(folder: Path, digest: str, slot: str) -> Path:
    """Return the path of hnswlib's file in this slot."""
    return folder / f"{_stem(digest)}.{slot}.hnsw"


def read_header(folder: Path, digest: str) -> SnapshotHeader | None:
    """Return the snapshot's header, or None if it is missing or unreadable. The payload is not checked."""
    found = _read_header_file(header_path(folder, digest), digest, with_states=False)
    if isinstance(found, str):
        return None
    header, _ = found
    return header


def _read_header_file(path: Path, digest: str, *, with_states: bool) -> tuple[SnapshotHeader, bytes] | str:
    """Return the header and the states that follow it, or the reason why they are unusable."""
    try:
        with path.open("rb") as file:
            line, checksum = file.readline().rstrip(b"\n"), file.readline()
            states = file.read() if with_states else b""
        if hashlib.sha256(line).hexdigest().encode() + b"\n" != checksum:
            return "its header is damaged"
        fields = json.loads(line)
        if fields.get("version") != FORMAT_VERSION:
            return f"its format is version {fields.get('version')}, not {FORMAT_VERSION}"
        header = SnapshotHeader(**fields)
    except FileNotFoundError:
        return NO_SNAPSHOT
    except OSError as error:
        return f"its header cannot be read: {error.strerror}"
    except (ValueError, TypeError, AttributeError):
        return "its header is damaged"
    return (header, states) if header.digest == digest else "it was made by another model"


def load_snapshot(folder: Path, digest: str, dims: int, threads: int = 1) -> LoadedSnapshot | str:
    """Return this model's saved index after verifying every byte, or why none can be loaded. Never raises."""
    found = _read_header_file(header_path(folder, digest), digest, with_states=True)
    if isinstance(found, str):
        return found
    header, states = found
    if header.dims != dims:
        return f"it has {header.dims} dimensions, not {dims}"
    if len(states) != header.states or hashlib.sha256(states).hexdigest() != header.states_sha256:
        return "its vector states are damaged"
    try:
        return _load_payload(payload_path(folder, digest, header.slot), header, states, threads)
    except OSError as error:
        return f"its payload cannot be read: {error.strerror}"


def _load_payload(path: Path, header: SnapshotHeader, states: bytes, threads: int) -> LoadedSnapshot | str:
    import numpy as np

    from catalog.similarity.index import VectorIndex

    with path.open("rb") as payload:  # kept open, to load the bytes that were verified even if a save reuses the name
        if os.fstat(payload.fileno()).st_size != header.bytes:
            return "its payload is truncated"
        if hashlib.file_digest(payload, "sha256").hexdigest() != header.sha256:
            return "its payload is damaged"
        verified_path = Path(f"/proc/self/fd/{payload.fileno()}")
        try:
            index = VectorIndex.load(verified_path, np.frombuffer(states, np.uint8), header.dims, threads)
        except RuntimeError as error:
            return f"hnswlib rejects it: {error}"
    if (index.live_count, index.deleted_count) != (header.count, header.deleted):
        return "its vector counts do not match its header"
    return LoadedSnapshot(index, header)


def remove_all_snapshots(folder: Path) -> int:
    """Invalidate every snapshot, because its ids belong to another catalog; return how many there were."""
    headers = list(folder.glob(INDEX_HEADS))
    for header in headers:
        header.unlink(missing_ok=True)
    return len(headers)


def remove_snapshot(folder: Path, digest: str) -> None:
    """Delete this model's snapshot, its header first: ids of deleted vectors may be used again."""
    header_path(folder, digest).unlink(missing_ok=True)
    for slot in SLOTS:
        payload_path(folder, digest, slot).unlink(missing_ok=True)


def save_snapshot(folder: Path, index: "VectorIndex", digest: str, seq: int, timeline: str) -> SnapshotHeader:
    """Write the index atomically; return its header. No other thread may change the index meanwhile.

    Raises ResourceError if it could not be written in full; the previous snapshot is intact.
    """
    previous = read_header(folder, digest)
    slot = SLOTS[1] if previous and previous.slot == SLOTS[0] else SLOTS[0]
    payload, header_file = payload_path(folder, digest, slot), header_path(folder, digest)
    draft = header_file.with_suffix(".part")
    try:
        payload.unlink(missing_ok=True)  # a reader may still have the old file open
        header, states = _write_payload(payload, index, digest, seq, timeline, slot)
        _write_header_file(draft, header, states)
        draft.replace(header_file)
        fsync_directory(folder)
    except (OSError, RuntimeError) as error:
        for path in (draft, payload):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise ResourceError(
            f"the index snapshot could not be saved in {folder}: {error}",
            "Free some space there and check that it is writable. The previous snapshot is intact.",
        ) from error
    for other in SLOTS:
        if other != slot:
            with suppress(OSError):
                payload_path(folder, digest, other).unlink(missing_ok=True)
    return header


def _write_payload(
    path: Path, index: "VectorIndex", digest: str, seq: int, timeline: str, slot: str
) -> tuple[SnapshotHeader, bytes]:
    expected, states = index.save(path)
    with path.open("rb") as payload:
        written = os.fstat(payload.fileno()).st_size
        if written != expected:
            raise OSError(f"{written} of {expected} bytes were written")
        os.fsync(payload.fileno())
        sha256 = hashlib.file_digest(payload, "sha256").hexdigest()
    packed_states = states.tobytes()
    return SnapshotHeader(
        version=FORMAT_VERSION,
        digest=digest,
        dims=index.dims,
        count=index.live_count,
        deleted=index.deleted_count,
        seq=seq,
        timeline=timeline,
        parameters=index.parameters,
        slot=slot,
        bytes=expected,
        sha256=sha256,
        states=len(packed_states),
        states_sha256=hashlib.sha256(packed_states).hexdigest(),
    ), packed_states


def _write_header_file(path: Path, header: SnapshotHeader, states: bytes) -> None:
    line = json.dumps(asdict(header)).encode()
    with path.open("wb") as file:
        file.write(line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n" + states)
        file.flush()
        os.fsync(file.fileno())

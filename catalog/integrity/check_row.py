"""Compare one path on disk with its row in the catalog. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from catalog.filesystem.stat_signature import Signature
from models.decode.reason import RejectReason

NO_CONTENT_KINDS = {"symlink": RejectReason.SYMLINK, "special": RejectReason.SPECIAL}


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """Something that breaks the invariant. `kind` is stable; `path` is None where it is not about one file."""

    kind: str
    path: bytes | None
    detail: str


@dataclass(frozen=True, slots=True)
class DiskEntry:
    """An entry on disk. `kind`: file, symlink or special."""

    kind: str
    signature: Signature


@dataclass(frozen=True, slots=True)
class CatalogRow:
    """The catalog's row of a path that is not gone."""

    state: str
    signature: Signature
    reason: str | None
    due: float | None
    content: int | None
    bytes: int | None
    embedded: bool  # its content has a live vector of the current model
    history_content: int | None  # the last content in its history


def compare_row(path: bytes, entry: DiskEntry | None, row: CatalogRow | None, now: float) -> Iterator[CheckFinding]:
    """Yield the differences between disk and catalog at one path."""
    if row is None:
        if entry is not None:
            yield CheckFinding("unknown", path, f"{entry.kind} on disk, not in the catalog")
    elif entry is None:
        yield CheckFinding("missing", path, f"{row.state} in the catalog, not on disk")
    elif row.state == "pending":
        if row.due is not None and row.due <= now:
            yield CheckFinding("unread", path, "not read yet")
    else:
        yield from _compare_read(path, entry, row)


def _compare_read(path: bytes, entry: DiskEntry, row: CatalogRow) -> Iterator[CheckFinding]:
    if entry.signature != row.signature:
        yield CheckFinding("changed", path, f"changed since it was read: {_difference(entry.signature, row.signature)}")
        return
    expected = NO_CONTENT_KINDS.get(entry.kind)
    if (row.reason in NO_CONTENT_KINDS.values() or expected) and row.reason != expected:
        yield CheckFinding("kind", path, f"{entry.kind} on disk, {row.reason or row.state} in the catalog")
    elif row.state == "ok":
        yield from _compare_ok(path, row)


def _difference(one: Signature, other: Signature) -> str:
    return ", ".join(name for name, a, b in zip(Signature._fields, one, other, strict=True) if a != b)


def _compare_ok(path: bytes, row: CatalogRow) -> Iterator[CheckFinding]:
    if row.content is None or not row.embedded:
        yield CheckFinding("unembedded", path, "ok, but without a live vector of the current model")
    if row.bytes is not None and row.bytes != row.signature.size:
        yield CheckFinding("content", path, f"{row.signature.size} bytes, but its content has {row.bytes}")
    if row.history_content != row.content:
        yield CheckFinding("history", path, "the last content in its history is not its content")

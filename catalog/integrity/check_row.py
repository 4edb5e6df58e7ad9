"""One path, as the disk shows it and as the catalog holds it: what does not fit. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from catalog.filesystem.stat_signature import Signature
from models.decode.reason import RejectReason

NO_CONTENT_KINDS = {"symlink": RejectReason.SYMLINK, "special": RejectReason.SPECIAL}


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """Something that breaks the invariant. `kind` is a stable word; `path` is None where no one file is meant."""

    kind: str
    path: bytes | None
    detail: str


@dataclass(frozen=True, slots=True)
class DiskEntry:
    """What stands at a path: file, symlink or special."""

    kind: str
    signature: Signature


@dataclass(frozen=True, slots=True)
class CatalogRow:
    """What the catalog holds of a path that is not gone."""

    state: str
    signature: Signature
    reason: str | None
    due: float | None
    content: int | None
    bytes: int | None
    embedded: bool  # its content has a living vector of the current model
    remembered: int | None  # the last content of its history


def compare_row(path: bytes, entry: DiskEntry | None, held: CatalogRow | None, now: float) -> Iterator[CheckFinding]:
    """What is wrong with one path."""
    if held is None:
        if entry is not None:
            yield CheckFinding("unknown", path, f"a {entry.kind} that the catalog does not know")
    elif entry is None:
        yield CheckFinding("missing", path, f"{held.state} in the catalog, not on disk")
    elif held.state == "pending":
        yield from _compare_pending(path, held, now)
    else:
        yield from _compare_read(path, entry, held)


def _compare_pending(path: bytes, held: CatalogRow, now: float) -> Iterator[CheckFinding]:
    if held.due is not None and held.due <= now:
        yield CheckFinding("unread", path, "waits to be read")


def _compare_read(path: bytes, entry: DiskEntry, held: CatalogRow) -> Iterator[CheckFinding]:
    if entry.signature != held.signature:
        yield CheckFinding(
            "changed", path, f"differs from what was read in {_difference(entry.signature, held.signature)}"
        )
        return
    never = NO_CONTENT_KINDS.get(entry.kind)
    if (held.reason in NO_CONTENT_KINDS.values() or never) and held.reason != never:
        yield CheckFinding("kind", path, f"a {entry.kind}, held as {held.reason or held.state}")
    elif held.state == "ok":
        yield from _compare_ok(path, held)


def _difference(one: Signature, other: Signature) -> str:
    return ", ".join(name for name, a, b in zip(Signature._fields, one, other, strict=True) if a != b)


def _compare_ok(path: bytes, held: CatalogRow) -> Iterator[CheckFinding]:
    if held.content is None or not held.embedded:
        yield CheckFinding("unembedded", path, "ok, without a living vector of the current model")
    if held.bytes is not None and held.bytes != held.signature.size:
        yield CheckFinding("content", path, f"{held.signature.size} bytes, its content has {held.bytes}")
    if held.remembered != held.content:
        yield CheckFinding("history", path, "the last content of its history is not the content it has")

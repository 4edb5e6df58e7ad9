"""One path, as the disk shows it and as the catalog holds it: what does not fit. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from catalog.filesystem.stat_signature import Signature
from models.decode.reason import Reason

NEVER_READ = {"symlink": Reason.SYMLINK, "special": Reason.SPECIAL}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that breaks the invariant. `kind` is a stable word; `path` is None where no one file is meant."""

    kind: str
    path: bytes | None
    detail: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands at a path: file, symlink or special."""

    kind: str
    signature: Signature


@dataclass(frozen=True, slots=True)
class Held:
    """What the catalog holds of a path that is not gone."""

    state: str
    signature: Signature
    reason: str | None
    due: float | None
    content: int | None
    bytes: int | None
    embedded: bool  # its content has a living vector of the current model
    remembered: int | None  # the last content of its history


def judge(path: bytes, entry: Entry | None, held: Held | None, now: float) -> Iterator[Finding]:
    """What is wrong with one path."""
    if held is None:
        if entry is not None:
            yield Finding("unknown", path, f"a {entry.kind} that the catalog does not know")
    elif entry is None:
        yield Finding("missing", path, f"{held.state} in the catalog, not on disk")
    elif held.state == "pending":
        yield from _pending(path, held, now)
    else:
        yield from _read(path, entry, held)


def _pending(path: bytes, held: Held, now: float) -> Iterator[Finding]:
    if held.due is not None and held.due <= now:
        yield Finding("unread", path, "waits to be read")


def _read(path: bytes, entry: Entry, held: Held) -> Iterator[Finding]:
    if entry.signature != held.signature:
        yield Finding("changed", path, f"differs from what was read in {_difference(entry.signature, held.signature)}")
        return
    never = NEVER_READ.get(entry.kind)
    if (held.reason in NEVER_READ.values() or never) and held.reason != never:
        yield Finding("kind", path, f"a {entry.kind}, held as {held.reason or held.state}")
    elif held.state == "ok":
        yield from _accepted(path, held)


def _difference(one: Signature, other: Signature) -> str:
    return ", ".join(name for name, a, b in zip(Signature._fields, one, other, strict=True) if a != b)


def _accepted(path: bytes, held: Held) -> Iterator[Finding]:
    if held.content is None or not held.embedded:
        yield Finding("unembedded", path, "ok, without a living vector of the current model")
    if held.bytes is not None and held.bytes != held.signature.size:
        yield Finding("content", path, f"{held.signature.size} bytes, its content has {held.bytes}")
    if held.remembered != held.content:
        yield Finding("history", path, "the last content of its history is not the content it has")

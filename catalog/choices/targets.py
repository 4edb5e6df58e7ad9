"""Which contents the owner means: by paths, by patterns of paths, by lists on stdin."""

import json
import os
import re
from typing import NamedTuple

from catalog.errors import UsageFault
from catalog.files.queries import Filter, content_at, entries
from catalog.formatting import show
from catalog.store.database import Database

FEW = 5  # paths that an error names
MAGIC = re.compile(rb"[*?\[]")
READ = ("ok", "rejected", "unreachable")
PIECES = re.compile(rb"\*\*/|\*\*|\*|\?|\[!?\]?[^]/]*\]|.", re.DOTALL)


class Named(NamedTuple):
    """A file that was named. `sha256`: its content, where the list told it; then no disk is asked."""

    path: bytes
    sha256: bytes | None = None


class Target(NamedTuple):
    """A named file's content, of `size` bytes."""

    path: bytes
    sha256: bytes
    size: int


def listed(data: bytes, nul: bool) -> list[Named]:
    """A list as text: paths, one a line or each ended by NUL, or the JSON lines of `catalog ls --json` and its like."""
    lines = data.split(b"\0") if nul else data.splitlines()
    return [_named(line) for line in lines if line.strip()]


def _named(line: bytes) -> Named:
    if line.lstrip().startswith(b"{"):
        try:
            told = json.loads(line)
            sha256 = told.get("sha256")
            return Named(os.path.abspath(os.fsencode(told["path"])), None if sha256 is None else bytes.fromhex(sha256))
        except (ValueError, KeyError, TypeError, AttributeError):
            pass  # a name may begin like that
    return Named(os.path.abspath(line))


def targets(database: Database, named: list[Named]) -> list[Target]:
    """All of them or none: a list that was half done would have to be sorted out by hand. Raises UsageFault."""
    found: dict[bytes, Target] = {}
    wrong: list[str] = []
    for one in dict.fromkeys(named):
        held = _content(database, one)
        if not isinstance(held, str):
            found[one.path] = Target(one.path, *held)
        elif MAGIC.search(one.path) and (matched := _matches(database, one.path)):
            found |= {target.path: target for target in matched}
        else:
            wrong.append(f"{show(one.path)} {held}")
    if wrong:
        more = f", and {len(wrong) - FEW} more" if len(wrong) > FEW else ""
        raise UsageFault(
            f"{'; '.join(wrong[:FEW])}{more}: nothing was labelled",
            "Name files that `catalog ls` shows, or a pattern in quotes; `catalogd --once` reads what is new.",
        )
    return list(found.values())


def _content(database: Database, one: Named) -> tuple[bytes, int] | str:
    if one.sha256 is not None:
        size = database.value("SELECT bytes FROM content WHERE sha256 = ?", one.sha256)
        if size is not None:
            return one.sha256, int(size)
    return content_at(database, one.path)


def _matches(database: Database, pattern: bytes) -> list[Target]:
    """What the catalog holds under such paths. It is asked and not the disk: that may be away."""
    fixed = MAGIC.split(pattern, maxsplit=1)[0].rpartition(b"/")[0] or b"/"
    try:
        matcher = re.compile(translate(pattern))
    except re.error:  # a range from back to front
        return []
    return [
        Target(entry.path, bytes.fromhex(entry.sha256), held[1])
        for entry in entries(database, Filter(states=READ, below=fixed))
        if entry.sha256 and matcher.fullmatch(entry.path)
        if not isinstance(held := content_at(database, entry.path), str)
    ]


def translate(pattern: bytes) -> bytes:
    """A shell's pattern as a regular expression: `*` and `?` stay within a folder, `**` goes through them. Pure."""
    return b"(?s:" + b"".join(_piece(piece) for piece in PIECES.findall(pattern)) + b")"


def _piece(piece: bytes) -> bytes:
    plain = {b"**/": b"(?:[^/]+/)*", b"**": b".*", b"*": b"[^/]*", b"?": b"[^/]"}
    if piece in plain:
        return plain[piece]
    if len(piece) == 1:
        return re.escape(piece)
    turned = b"^/" if piece[1:2] == b"!" else b""
    inner = piece[2 if turned else 1 : -1].replace(b"\\", b"\\\\").replace(b"[", b"\\[").replace(b"^", b"\\^")
    return b"[" + turned + inner.replace(b"]", b"\\]") + b"]"

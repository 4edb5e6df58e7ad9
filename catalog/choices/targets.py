"""Which contents the owner means: by paths, by patterns of paths, by lists on stdin."""

import json
import os
import re
from typing import NamedTuple

from catalog.errors import UsageError
from catalog.files.queries import FileFilter, content_at, matching_entries
from catalog.formatting import printable_path
from catalog.store.database import Database

MAX_PATHS_IN_ERROR = 5  # paths that an error names
GLOB_CHARACTERS = re.compile(rb"[*?\[]")
READ_STATES = ("ok", "rejected", "unreachable")
GLOB_TOKENS = re.compile(rb"\*\*/|\*\*|\*|\?|\[!?\]?[^]/]*\]|.", re.DOTALL)


class NamedFile(NamedTuple):
    """A file that was named. `sha256`: its content, where the list told it; then no disk is asked."""

    path: bytes
    sha256: bytes | None = None


class LabelTarget(NamedTuple):
    """A named file's content, of `size` bytes."""

    path: bytes
    sha256: bytes
    size: int


def parse_named_files(data: bytes, nul: bool) -> list[NamedFile]:
    """A list as text: paths, one a line or each ended by NUL, or the JSON lines of `catalog ls --json` and its like."""
    lines = data.split(b"\0") if nul else data.splitlines()
    return [_parse_line(line) for line in lines if line.strip()]


def _parse_line(line: bytes) -> NamedFile:
    if line.lstrip().startswith(b"{"):
        try:
            told = json.loads(line)
            sha256 = told.get("sha256")
            return NamedFile(
                os.path.abspath(os.fsencode(told["path"])), None if sha256 is None else bytes.fromhex(sha256)
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            pass  # a name may begin like that
    return NamedFile(os.path.abspath(line))


def resolve_targets(database: Database, named: list[NamedFile]) -> list[LabelTarget]:
    """All of them or none: a list that was half done would have to be sorted out by hand. Raises UsageFault."""
    found: dict[bytes, LabelTarget] = {}
    wrong: list[str] = []
    for one in dict.fromkeys(named):
        held = _content(database, one)
        if not isinstance(held, str):
            found[one.path] = LabelTarget(one.path, *held)
        elif GLOB_CHARACTERS.search(one.path) and (matched := _glob_matches(database, one.path)):
            found |= {target.path: target for target in matched}
        else:
            wrong.append(f"{printable_path(one.path)} {held}")
    if wrong:
        more = f", and {len(wrong) - MAX_PATHS_IN_ERROR} more" if len(wrong) > MAX_PATHS_IN_ERROR else ""
        raise UsageError(
            f"{'; '.join(wrong[:MAX_PATHS_IN_ERROR])}{more}: nothing was labelled",
            "Name files that `catalog ls` shows, or a pattern in quotes; `catalogd --once` reads what is new.",
        )
    return list(found.values())


def _content(database: Database, one: NamedFile) -> tuple[bytes, int] | str:
    if one.sha256 is not None:
        size = database.value("SELECT bytes FROM content WHERE sha256 = ?", one.sha256)
        if size is not None:
            return one.sha256, int(size)
    return content_at(database, one.path)


def _glob_matches(database: Database, pattern: bytes) -> list[LabelTarget]:
    """What the catalog holds under such paths. It is asked and not the disk: that may be away."""
    fixed = GLOB_CHARACTERS.split(pattern, maxsplit=1)[0].rpartition(b"/")[0] or b"/"
    try:
        matcher = re.compile(glob_regex(pattern))
    except re.error:  # a range from back to front
        return []
    return [
        LabelTarget(entry.path, bytes.fromhex(entry.sha256), held[1])
        for entry in matching_entries(database, FileFilter(states=READ_STATES, below=fixed))
        if entry.sha256 and matcher.fullmatch(entry.path)
        if not isinstance(held := content_at(database, entry.path), str)
    ]


def glob_regex(pattern: bytes) -> bytes:
    """A shell's pattern as a regular expression: `*` and `?` stay within a folder, `**` goes through them. Pure."""
    return b"(?s:" + b"".join(_token_regex(piece) for piece in GLOB_TOKENS.findall(pattern)) + b")"


def _token_regex(piece: bytes) -> bytes:
    plain = {b"**/": b"(?:[^/]+/)*", b"**": b".*", b"*": b"[^/]*", b"?": b"[^/]"}
    if piece in plain:
        return plain[piece]
    if len(piece) == 1:
        return re.escape(piece)
    turned = b"^/" if piece[1:2] == b"!" else b""
    inner = piece[2 if turned else 1 : -1].replace(b"\\", b"\\\\").replace(b"[", b"\\[").replace(b"^", b"\\^")
    return b"[" + turned + inner.replace(b"]", b"\\]") + b"]"

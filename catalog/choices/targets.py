"""Resolve the files that the owner names, by paths, patterns, or a list on stdin, to contents."""

import json
import os
import re
from typing import NamedTuple

from catalog.errors import UsageError
from catalog.files.queries import FileFilter, content_at, matching_entries
from catalog.formatting import printable_path
from catalog.store.database import Database

MAX_PATHS_IN_ERROR = 5
GLOB_CHARACTERS = re.compile(rb"[*?\[]")
READ_STATES = ("ok", "rejected", "unreachable")
GLOB_TOKENS = re.compile(rb"\*\*/|\*\*|\*|\?|\[!?\]?[^]/]*\]|.", re.DOTALL)


class NamedFile(NamedTuple):
    """A named file. `sha256`: its content if the list has it; then the disk is not read."""

    path: bytes
    sha256: bytes | None = None


class LabelTarget(NamedTuple):
    """A named file and its content, of `size` bytes."""

    path: bytes
    sha256: bytes
    size: int


def parse_named_files(data: bytes, nul: bool) -> list[NamedFile]:
    """Parse a list: paths, one per line or terminated by NUL, or JSON lines as `catalog ls --json` prints them."""
    lines = data.split(b"\0") if nul else data.splitlines()
    return [_parse_line(line) for line in lines if line.strip()]


def _parse_line(line: bytes) -> NamedFile:
    if line.lstrip().startswith(b"{"):
        try:
            record = json.loads(line)
            path, sha256 = os.fsencode(record["path"]), record.get("sha256")
            return NamedFile(os.path.abspath(path), None if sha256 is None else bytes.fromhex(sha256))
        except (ValueError, KeyError, TypeError, AttributeError):
            pass  # a file name may start with a brace
    return NamedFile(os.path.abspath(line))


def resolve_targets(database: Database, named: list[NamedFile]) -> list[LabelTarget]:
    """Return the contents of all named files and patterns.

    Raises UsageError if some cannot be resolved: labelling only the others would leave the user a half-done list.
    """
    targets: dict[bytes, LabelTarget] = {}
    problems: list[str] = []
    for file in dict.fromkeys(named):
        content = _content(database, file)
        if not isinstance(content, str):
            targets[file.path] = LabelTarget(file.path, *content)
        elif GLOB_CHARACTERS.search(file.path) and (matched := _glob_matches(database, file.path)):
            targets |= {target.path: target for target in matched}
        else:
            problems.append(f"{printable_path(file.path)} {content}")
    if problems:
        hidden = len(problems) - MAX_PATHS_IN_ERROR
        more = f", and {hidden} more" if hidden > 0 else ""
        raise UsageError(
            f"{'; '.join(problems[:MAX_PATHS_IN_ERROR])}{more}: nothing was labelled",
            "Name files that `catalog ls` shows, or a quoted pattern. Run `catalogd --once` to add new files.",
        )
    return list(targets.values())


def _content(database: Database, file: NamedFile) -> tuple[bytes, int] | str:
    """Return sha256 and size of a named file's content, or the reason why it has none."""
    if file.sha256 is not None:
        size = database.value("SELECT bytes FROM content WHERE sha256 = ?", file.sha256)
        if size is not None:
            return file.sha256, int(size)
    return content_at(database, file.path)


def _glob_matches(database: Database, pattern: bytes) -> list[LabelTarget]:
    """Return the files in the catalog that match. The disk is not read, as it may be unavailable."""
    literal, *_ = GLOB_CHARACTERS.split(pattern, maxsplit=1)
    folder, _, _ = literal.rpartition(b"/")
    try:
        matcher = re.compile(glob_regex(pattern))
    except re.error:  # a reversed range such as [z-a]
        return []
    targets = []
    for entry in matching_entries(database, FileFilter(states=READ_STATES, below=folder or b"/")):
        if entry.sha256 and matcher.fullmatch(entry.path):
            content = content_at(database, entry.path)
            if not isinstance(content, str):
                _, size = content
                targets.append(LabelTarget(entry.path, bytes.fromhex(entry.sha256), size))
    return targets


def glob_regex(pattern: bytes) -> bytes:
    """Return a shell pattern as a regular expression: `*` and `?` do not match `/`, `**` does. Pure."""
    return b"(?s:" + b"".join(_token_regex(token) for token in GLOB_TOKENS.findall(pattern)) + b")"


def _token_regex(token: bytes) -> bytes:
    wildcards = {b"**/": b"(?:[^/]+/)*", b"**": b".*", b"*": b"[^/]*", b"?": b"[^/]"}
    if token in wildcards:
        return wildcards[token]
    if len(token) == 1:
        return re.escape(token)
    negation = b"^/" if token[1:2] == b"!" else b""
    inner = token[2 if negation else 1 : -1].replace(b"\\", b"\\\\").replace(b"[", b"\\[").replace(b"^", b"\\^")
    return b"[" + negation + inner.replace(b"]", b"\\]") + b"]"

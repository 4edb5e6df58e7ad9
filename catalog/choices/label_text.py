r"""Labels as plain text, one a line, for people, diffs, and other catalogs.

A line has six fields between tabs: keep or delete, SHA-256, bytes, when, source, path. In a path, control characters,
bytes that are no UTF-8, and the backslash itself are written as \xNN.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from catalog.choices.labels import Choice
from catalog.errors import PlaceFault, UsageFault
from catalog.filesystem.atomic_write import put_in_place
from catalog.journal import iso, seconds

HEAD = "# labels of catalogd, version 1: label, sha256, bytes, when, source, path"
ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


def write_lines(choices: Iterable[Choice]) -> str:
    """The whole text, in the order of the SHA-256: the same labels give the same text."""
    ordered = sorted(choices, key=lambda one: one.sha256)
    rows = ((one.value, one.sha256.hex(), str(one.size), iso(one.at), one.source, _quoted(one.path)) for one in ordered)
    return "\n".join([HEAD, *("\t".join(row) for row in rows)]) + "\n"


def _quoted(path: bytes) -> str:
    return "".join(_shown(char) for char in path.decode("utf-8", "surrogateescape"))


def _shown(char: str) -> str:
    if char.isprintable() and char != "\\":
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))


def save(path: Path, words: str) -> None:
    """Write the file whole, or leave an old one as it is. Raises PlaceFault."""
    draft = path.with_name(path.name + ".new")
    try:
        draft.write_text(words, encoding="utf-8", newline="")
        put_in_place(draft, path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        word = os.strerror(error.errno or 0).lower()
        raise PlaceFault(f"cannot write {path}: {word}", "Name another file, or free some space.") from error


def read_lines(text: str) -> list[Choice]:
    """What `write_lines` wrote. Raises UsageFault for a line that is none, with its number: all or nothing."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.startswith("#"):
            try:
                found.append(_choice(line.rstrip("\r")))
            except ValueError as error:
                raise UsageFault(
                    f"line {number} is no label ({error}): nothing was labelled",
                    "Mend or delete that line; `catalog label export FILE` shows what lines look like.",
                ) from error
    return found


def _choice(line: str) -> Choice:
    fields = line.split("\t")
    if len(fields) != 6:
        raise ValueError(f"{len(fields)} fields, not 6")
    value, sha256, size, at, source, path = fields
    if value not in ("keep", "delete"):
        raise ValueError(f"it says {value!r}, not keep or delete")
    digest = bytes.fromhex(sha256)
    if len(digest) != 32 or int(size) < 0 or not source:
        raise ValueError("a field is impossible")
    return Choice(digest, int(size), value, source, seconds(at), _unquoted(path))


def _unquoted(path: str) -> bytes:
    return ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), path.encode("utf-8"))

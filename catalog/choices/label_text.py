r"""Labels as plain text, one a line, for people, diffs, and other catalogs.

A line has six fields between tabs: keep or delete, SHA-256, bytes, when, source, path. In a path, control characters,
bytes that are no UTF-8, and the backslash itself are written as \xNN.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from catalog.choices.labels import LabelChoice
from catalog.errors import ResourceError, UsageError
from catalog.filesystem.atomic_write import replace_durably
from catalog.journal import format_timestamp, parse_timestamp

HEADER_LINE = "# labels of catalogd, version 1: label, sha256, bytes, when, source, path"
ESCAPE_SEQUENCE = re.compile(rb"\\x([0-9a-f]{2})")


def format_labels(choices: Iterable[LabelChoice]) -> str:
    """The whole text, in the order of the SHA-256: the same labels give the same text."""
    ordered = sorted(choices, key=lambda one: one.sha256)
    rows = (
        (one.value, one.sha256.hex(), str(one.size), format_timestamp(one.at), one.source, _escape_path(one.path))
        for one in ordered
    )
    return "\n".join([HEADER_LINE, *("\t".join(row) for row in rows)]) + "\n"


def _escape_path(path: bytes) -> str:
    return "".join(_escape_char(char) for char in path.decode("utf-8", "surrogateescape"))


def _escape_char(char: str) -> str:
    if char.isprintable() and char != "\\":
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))


def write_label_file(path: Path, words: str) -> None:
    """Write the file whole, or leave an old one as it is. Raises PlaceFault."""
    draft = path.with_name(path.name + ".new")
    try:
        draft.write_text(words, encoding="utf-8", newline="")
        replace_durably(draft, path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        word = os.strerror(error.errno or 0).lower()
        raise ResourceError(f"cannot write {path}: {word}", "Name another file, or free some space.") from error


def parse_labels(text: str) -> list[LabelChoice]:
    """What `write_lines` wrote. Raises UsageFault for a line that is none, with its number: all or nothing."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.startswith("#"):
            try:
                found.append(_parse_line(line.rstrip("\r")))
            except ValueError as error:
                raise UsageError(
                    f"line {number} is no label ({error}): nothing was labelled",
                    "Mend or delete that line; `catalog label export FILE` shows what lines look like.",
                ) from error
    return found


def _parse_line(line: str) -> LabelChoice:
    fields = line.split("\t")
    if len(fields) != 6:
        raise ValueError(f"{len(fields)} fields, not 6")
    value, sha256, size, at, source, path = fields
    if value not in ("keep", "delete"):
        raise ValueError(f"it says {value!r}, not keep or delete")
    digest = bytes.fromhex(sha256)
    if len(digest) != 32 or int(size) < 0 or not source:
        raise ValueError("a field is impossible")
    return LabelChoice(digest, int(size), value, source, parse_timestamp(at), _unescape_path(path))


def _unescape_path(path: str) -> bytes:
    return ESCAPE_SEQUENCE.sub(lambda found: bytes([int(found[1], 16)]), path.encode("utf-8"))

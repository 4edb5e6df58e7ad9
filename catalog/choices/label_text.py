r"""Labels as plain text, one per line, for people, diffs, and other catalogs.

A line has six fields separated by tabs: keep or delete, SHA-256, bytes, time, source, path. In a path, control
characters, bytes that are not UTF-8, and the backslash itself are written as \xNN.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from catalog.choices.labels import LabelChoice
from catalog.errors import UsageError, resource_errors
from catalog.filesystem.atomic_write import replace_durably
from catalog.formatting import path_text
from catalog.journal import format_timestamp, parse_timestamp

HEADER_LINE = "# labels of catalogd, version 1: label, sha256, bytes, when, source, path"
ESCAPE_SEQUENCE = re.compile(rb"\\x([0-9a-f]{2})")


def format_labels(choices: Iterable[LabelChoice]) -> str:
    """Return the labels as text, sorted by SHA-256, so that the same labels give the same text."""
    lines = map(_format_line, sorted(choices, key=lambda choice: choice.sha256))
    return "\n".join([HEADER_LINE, *lines]) + "\n"


def _format_line(choice: LabelChoice) -> str:
    path = "".join(map(_escape_char, path_text(choice.path)))
    content = (choice.value, choice.sha256.hex(), str(choice.size))
    return "\t".join((*content, format_timestamp(choice.at), choice.source, path))


def _escape_char(char: str) -> str:
    if char.isprintable() and char != "\\":
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))


def write_label_file(path: Path, text: str) -> None:
    """Write the file completely, or leave an existing one unchanged. Raises ResourceError if it cannot be written."""
    draft = path.with_name(path.name + ".new")
    try:
        with resource_errors(f"cannot write {path}", "Name another file, or free some space."):
            draft.write_text(text, encoding="utf-8", newline="")
            replace_durably(draft, path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def parse_labels(text: str) -> list[LabelChoice]:
    """Return the labels in a text of `format_labels`. Raises UsageError, with the number of a line that is invalid."""
    choices = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.startswith("#"):
            try:
                choices.append(_parse_line(line.rstrip("\r")))
            except ValueError as error:
                raise UsageError(
                    f"line {number} is not a label ({error}): nothing was labelled",
                    "Correct or delete that line. `catalog label export FILE` shows the format.",
                ) from error
    return choices


def _parse_line(line: str) -> LabelChoice:
    fields = line.split("\t")
    if len(fields) != 6:
        raise ValueError(f"{len(fields)} fields, not 6")
    value, sha256, size, at, source, path = fields
    if value not in ("keep", "delete"):
        raise ValueError(f"{value!r} instead of keep or delete")
    digest = bytes.fromhex(sha256)
    if len(digest) != 32 or int(size) < 0 or not source:
        raise ValueError("invalid SHA-256, size or source")
    raw_path = ESCAPE_SEQUENCE.sub(lambda match: bytes.fromhex(match[1].decode()), path.encode("utf-8"))
    return LabelChoice(digest, int(size), value, source, parse_timestamp(at), raw_path)

"""The info file beside a trashed file, by which every file manager knows where it was.

After the FreeDesktop.org Trash specification 1.0, "Contents of a trash directory"
(https://specifications.freedesktop.org/trash-spec/1.0/). It has others ignore lines that they do not know: one of
ours names the deed in our journal, and proves that an entry in the trash is still the one that we put there.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from urllib.parse import quote_from_bytes

INFO_SUFFIX = b".trashinfo"
MAX_NAME_BYTES = 255  # bytes of a name, on nearly every filesystem
RECORD_KEY = b"X-Catalogd-Deed="


class InfoOwner(Enum):
    """What stands where an info file should."""

    OURS = "ours"
    OTHER = "another's"
    NONE = "none"


def info_text(told: bytes, at: float, deed: str) -> bytes:
    """The whole file. `told`: the path as the trash has it, absolute or from its top; `at`: seconds since the epoch,
    written in local time as the specification has it; `deed`: its name in our journal.
    """
    date = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(at))
    lines = (b"[Trash Info]", b"Path=" + quote_from_bytes(told).encode(), b"DeletionDate=" + date.encode())
    return b"\n".join((*lines, RECORD_KEY + deed.encode(), b""))


def write_info(place: bytes, text: bytes) -> None:
    """Make the info file, which claims the name in the trash. All of it or nothing is left.

    Raises:
        FileExistsError: the name is taken. OSError: it cannot be written.
    """
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            while text:
                text = text[os.write(handle, text) :]
        finally:
            os.close(handle)  # a network filesystem may tell only now that it is full
    except OSError:
        with suppress(OSError):
            os.unlink(place)
        raise


def info_owner(place: bytes, text: bytes, deed: str) -> InfoOwner:
    """Whether the info file at `place` is that of our deed; one that was cut off by a kill is a beginning of `text`.

    Raises OSError where nobody can tell.
    """
    try:
        with open(place, "rb") as file:
            found = file.read(1 << 16)
    except (FileNotFoundError, NotADirectoryError):
        return InfoOwner.NONE
    return (
        InfoOwner.OURS
        if RECORD_KEY + deed.encode() in found.splitlines() or text.startswith(found)
        else InfoOwner.OTHER
    )


def matches_record(place: bytes, told: bytes, deed: str) -> bool:
    """Return whether the info file at `place` names both our deed and where its file was: an empty one proves nothing.

    Raises OSError where nobody can tell.
    """
    try:
        with open(place, "rb") as file:
            lines = file.read(1 << 16).splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return RECORD_KEY + deed.encode() in lines and b"Path=" + quote_from_bytes(told).encode() in lines


def trash_names(name: bytes) -> Iterator[bytes]:
    """Names to try in the trash, for ever: `a.jpg`, `a.2.jpg`, … Short enough for the info file's suffix."""
    stem, extension = os.path.splitext(name)
    number = b""
    count = 1
    while True:
        room = MAX_NAME_BYTES - len(INFO_SUFFIX) - len(number) - len(extension)
        if room > 0:
            yield _truncated(stem, room) + number + extension
        else:  # an extension that long is none
            yield _truncated(name, MAX_NAME_BYTES - len(INFO_SUFFIX) - len(number)) + number
        count += 1
        number = b".%d" % count


def _truncated(name: bytes, room: int) -> bytes:
    """The first `room` bytes, and no part of a character of UTF-8."""
    while room < len(name) and name[room] & 0xC0 == 0x80:
        room -= 1
    return name[:room]

"""The info file beside a trashed file, which tells every file manager where the file came from.

Follows the FreeDesktop.org Trash specification 1.0, "Contents of a trash directory"
(https://specifications.freedesktop.org/trash-spec/1.0/). Programs must ignore keys that they do not know: ours names
the record in our journal, and proves that an entry in the trash is still the one that we put there.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from urllib.parse import quote_from_bytes

INFO_SUFFIX = b".trashinfo"
MAX_NAME_BYTES = 255  # of a file name, on nearly every filesystem
MAX_INFO_BYTES = 1 << 16
RECORD_KEY = b"X-Catalogd-Deed="


class InfoOwner(Enum):
    """Who wrote the info file of an entry, if there is one."""

    OURS = "ours"
    OTHER = "another's"
    NONE = "none"


def info_text(path_in_info: bytes, at: float, record_id: str) -> bytes:
    """Return the content of an info file.

    `path_in_info`: absolute, or relative to the top of the trash's filesystem. `at`: seconds since the epoch; written
    in local time, as the specification requires.
    """
    date = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(at))
    lines = (b"[Trash Info]", b"Path=" + quote_from_bytes(path_in_info).encode(), b"DeletionDate=" + date.encode())
    return b"\n".join((*lines, RECORD_KEY + record_id.encode(), b""))


def write_info(path: bytes, text: bytes) -> None:
    """Create the info file, which claims the name in the trash. A failed write leaves no file.

    Raises FileExistsError if the name is taken, OSError if the file cannot be written.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            while text:
                text = text[os.write(handle, text) :]
        finally:
            os.close(handle)  # a network filesystem may report only now that it is full
    except OSError:
        with suppress(OSError):
            os.unlink(path)
        raise


def info_owner(path: bytes, text: bytes, record_id: str) -> InfoOwner:
    """Return whose info file is at `path`; one that a kill truncated, a prefix of `text`, is ours. Raises OSError."""
    try:
        found = _read_info(path)
    except (FileNotFoundError, NotADirectoryError):
        return InfoOwner.NONE
    ours = RECORD_KEY + record_id.encode() in found.splitlines() or text.startswith(found)
    return InfoOwner.OURS if ours else InfoOwner.OTHER


def matches_record(path: bytes, path_in_info: bytes, record_id: str) -> bool:
    """Return whether the info file at `path` names both our record and the original path: an empty file proves nothing.

    Raises OSError where the file cannot be read.
    """
    try:
        lines = _read_info(path).splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return RECORD_KEY + record_id.encode() in lines and b"Path=" + quote_from_bytes(path_in_info).encode() in lines


def _read_info(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read(MAX_INFO_BYTES)


def trash_names(name: bytes) -> Iterator[bytes]:
    """Yield names to try in the trash, endlessly: `a.jpg`, `a.2.jpg`, … Each leaves room for INFO_SUFFIX."""
    stem, extension = os.path.splitext(name)
    number = b""
    count = 1
    while True:
        room = MAX_NAME_BYTES - len(INFO_SUFFIX) - len(number) - len(extension)
        if room > 0:
            yield _truncated(stem, room) + number + extension
        else:  # too long for a file name extension
            yield _truncated(name, MAX_NAME_BYTES - len(INFO_SUFFIX) - len(number)) + number
        count += 1
        number = b".%d" % count


def _truncated(name: bytes, room: int) -> bytes:
    """Return the first `room` bytes at most, without splitting a UTF-8 character."""
    while room < len(name) and name[room] & 0xC0 == 0x80:
        room -= 1
    return name[:room]

"""The JSON of `trash` and `restore`."""

from typing import TypedDict


class TrashResultJson(TypedDict):
    """`catalog trash`, `trash --purge` and `restore`: one line per file."""

    path: str  # original path of the file
    bytes: int | None  # size, bytes; null if it was refused before it was read
    sha256: str | None  # SHA-256 of its bytes, hexadecimal
    to: str | None  # where it is now, or would be
    done: bool  # whether it was moved, restored or deleted
    refused: str | None  # why not
    warning: str | None  # what to check although it was done


class TrashedFileJson(TrashResultJson):
    """`catalog trash --list`: one line per file."""

    at: str  # when it was moved to the trash, UTC
    state: str  # state of the move, "its disk is away" or "in no trash"
    instead: str | None  # path of the copy that was kept; null for a last copy

"""Open the places that the journal names, and check what they are: nothing is unlinked or moved on its word alone.

Folders are opened part by part, and no part may be a symbolic link. What follows goes through the open folders
(`/proc/self/fd`, proc(5)), so that none of them can be exchanged in between.
"""

import errno
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from catalog.filesystem.paths import inside
from catalog.formatting import printable_path
from catalog.trash.info_file import INFO_SUFFIX
from catalog.trash.location import home_trash, xdg_data_home
from catalog.trash.outcome import Refusal
from catalog.trash.records import TrashRecord

OPEN_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
FD_PATH_FORMAT = b"/proc/self/fd/%d/%s"
REACHED_BY_SYMLINK = "is reached through a symbolic link, or through what is no folder"
OUTSIDE_ROOTS = "did not lie in a root of this catalog: name a folder with --to"
# Trash directories of the specification, and the home trash of another environment at its default place.
TRASH_PATTERN = re.compile(rb".*/(?:\.Trash-\d+|\.Trash/\d+|\.local/share/Trash)", re.DOTALL)


class TrashEntryPaths(NamedTuple):
    """The paths of an entry in the trash and of its info file, through their open folders."""

    file: bytes
    info: bytes


@contextmanager
def open_trash(deed: TrashRecord) -> Iterator[TrashEntryPaths | None]:
    """Open the trash that a deed's file lies in; None where there is no such folder.

    Raises:
        Refusal: it is no trash of this user, or is reached through a symbolic link.
        OSError: it cannot be opened.
    """
    files, name = os.path.split(deed.to)
    trash, home = os.path.dirname(files), home_trash(xdg_data_home())
    if os.path.basename(files) != b"files" or (trash != home and not TRASH_PATTERN.fullmatch(trash)):
        raise untrusted_location(deed, f"is in no trash (yours is {printable_path(home)})")
    with ExitStack() as stack:
        try:
            places = _open_entry(stack, deed, trash, name)
        except FileNotFoundError:
            places = None
        yield places


def untrusted_location(deed: TrashRecord, why: str) -> Refusal:
    """Return the refusal of a deed that the disk contradicts, with what its owner can do.

    `why`: what is wrong with its place in the trash.
    """
    return Refusal(
        f"was left alone: the journal has it at {printable_path(deed.to)}, which {why};"
        f" if no command of yours wrote that, take the lines of {deed.id} out of journal.jsonl"
    )


def location_problem(deed: TrashRecord) -> str:
    """Return why a deed's place in the trash is not believed; "" where it is, or where nobody can tell now."""
    try:
        with open_trash(deed):
            return ""
    except Refusal as refusal:
        return str(refusal)
    except OSError:
        return ""


@contextmanager
def open_restore_target(
    goal: bytes, folder: bytes | None, roots: Sequence[bytes], may_make: Callable[[], None]
) -> Iterator[bytes]:
    """Open the folder of `goal`, and give its path through that: `folder`, if its owner named one, or one in a root.

    Missing folders in a root are made, each after a call of `may_make`, which may raise Refusal.

    Raises:
        Refusal: `goal` lies in no root, or is reached through a symbolic link below it.
        OSError: the folder cannot be opened or made.
    """
    start, parts = (folder, []) if folder is not None else _split_at_root(goal, roots)
    with ExitStack() as stack:
        try:
            top = _open_folder(stack, start)
            handle = _open_below(stack, top, parts, may_make)
        except NotADirectoryError:
            raise Refusal(f"cannot be restored: {printable_path(os.path.dirname(goal))} {REACHED_BY_SYMLINK}") from None
        yield FD_PATH_FORMAT % (handle, os.path.basename(goal))


def _split_at_root(goal: bytes, roots: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    for root in roots:
        if inside(goal, root):
            return root, goal[len(root.rstrip(b"/")) + 1 :].split(b"/")[:-1]
    raise Refusal(OUTSIDE_ROOTS)


def _open_entry(stack: ExitStack, deed: TrashRecord, trash: bytes, name: bytes) -> TrashEntryPaths:
    try:
        top = _open_below(stack, _open_folder(stack, b"/"), trash.split(b"/")[1:])
        if os.geteuid() not in (0, os.fstat(top).st_uid):
            raise untrusted_location(deed, "is in a trash of another user")
        return TrashEntryPaths(
            FD_PATH_FORMAT % (_open_below(stack, top, [b"files"]), name),
            _info_file_path(stack, top, name + INFO_SUFFIX),
        )
    except NotADirectoryError:
        raise untrusted_location(deed, REACHED_BY_SYMLINK) from None


def _info_file_path(stack: ExitStack, top: int, name: bytes) -> bytes:
    try:
        return FD_PATH_FORMAT % (_open_below(stack, top, [b"info"]), name)
    except FileNotFoundError:
        return FD_PATH_FORMAT % (top, b"info/" + name)


def _open_folder(stack: ExitStack, path: bytes, flags: int = 0, folder: int | None = None) -> int:
    handle = os.open(path, OPEN_FLAGS | flags, dir_fd=folder)
    stack.callback(os.close, handle)
    return handle


def _open_below(
    stack: ExitStack, folder: int, parts: Sequence[bytes], may_make: Callable[[], None] | None = None
) -> int:
    """Open a folder below an open one. Raises NotADirectoryError for links and for parts that are no names, OSError."""
    for part in parts:
        if part in (b"", b".", b".."):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), part)
        try:
            folder = _open_folder(stack, part, os.O_NOFOLLOW, folder)
        except FileNotFoundError:
            if may_make is None:
                raise
            may_make()
            os.mkdir(part, dir_fd=folder)
            folder = _open_folder(stack, part, os.O_NOFOLLOW, folder)
    return folder

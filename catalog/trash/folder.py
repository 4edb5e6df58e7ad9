"""Open the directories that the journal names, and check them: the journal alone never suffices to unlink or move.

Directories are opened component by component, and none may be a symbolic link. Everything after that goes through the
open directories (`/proc/self/fd`, proc(5)), so that none of them can be exchanged in between.
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
REACHED_BY_SYMLINK = "is reached through a symbolic link, or through something that is not a directory"
NOT_A_FILE = "is not a regular file"
OUTSIDE_ROOTS = "was not in a root of this catalog: name a folder with --to"
# Trash directories of the specification, and the home trash of another environment at its default place.
TRASH_PATTERN = re.compile(rb".*/(?:\.Trash-\d+|\.Trash/\d+|\.local/share/Trash)", re.DOTALL)


class TrashEntryPaths(NamedTuple):
    """The paths of an entry in the trash and of its info file, through their open directories."""

    file: bytes
    info: bytes


@contextmanager
def open_trash(record: TrashRecord) -> Iterator[TrashEntryPaths | None]:
    """Open the trash of a record; None where its directories do not exist.

    Raises Refusal if it is not a trash of this user, or is reached through a symbolic link. Raises OSError if it cannot
    be opened.
    """
    files, name = os.path.split(record.trash_path)
    trash, home = os.path.dirname(files), home_trash(xdg_data_home())
    if os.path.basename(files) != b"files" or (trash != home and not TRASH_PATTERN.fullmatch(trash)):
        raise untrusted_location(record, f"is not in a trash (yours is {printable_path(home)})")
    with ExitStack() as stack:
        try:
            entry = _open_entry(stack, record, trash, name)
        except FileNotFoundError:
            entry = None
        yield entry


def untrusted_location(record: TrashRecord, problem: str) -> Refusal:
    """Return the refusal of a record that the disk contradicts. `problem`: worded to follow the path in the trash."""
    return Refusal(
        f"was left alone: the journal says it was moved to {printable_path(record.trash_path)}, which {problem};"
        f" if no command of yours wrote that, delete the lines with id {record.id} from journal.jsonl"
    )


def location_problem(record: TrashRecord) -> str:
    """Return why a record's location in the trash is not trusted; "" where it is, or where it cannot be checked now."""
    try:
        with open_trash(record):
            return ""
    except Refusal as refusal:
        return str(refusal)
    except OSError:
        return ""


@contextmanager
def open_restore_target(
    target: bytes, folder: bytes | None, roots: Sequence[bytes], before_mkdir: Callable[[], None]
) -> Iterator[bytes]:
    """Open the parent directory of `target`, and yield the target's path through it.

    The parent is `folder`, if the owner named one, or is in a root. Missing directories in a root are created, each
    after a call of `before_mkdir`, which may raise Refusal. Raises Refusal if `target` is in no root, or is reached
    through a symbolic link below it. Raises OSError if the directory cannot be opened or created.
    """
    start, parts = (folder, []) if folder is not None else _split_at_root(target, roots)
    with ExitStack() as stack:
        try:
            top = _open_directory(stack, start)
            handle = _open_below(stack, top, parts, before_mkdir)
        except NotADirectoryError:
            parent = printable_path(os.path.dirname(target))
            raise Refusal(f"cannot be restored: {parent} {REACHED_BY_SYMLINK}") from None
        yield FD_PATH_FORMAT % (handle, os.path.basename(target))


def _split_at_root(target: bytes, roots: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    for root in roots:
        if inside(target, root):
            return root, target[len(root.rstrip(b"/")) + 1 :].split(b"/")[:-1]
    raise Refusal(OUTSIDE_ROOTS)


def _open_entry(stack: ExitStack, record: TrashRecord, trash: bytes, name: bytes) -> TrashEntryPaths:
    try:
        top = _open_below(stack, _open_directory(stack, b"/"), trash.split(b"/")[1:])
        if os.geteuid() not in (0, os.fstat(top).st_uid):
            raise untrusted_location(record, "is in a trash of another user")
        return TrashEntryPaths(
            FD_PATH_FORMAT % (_open_below(stack, top, [b"files"]), name),
            _info_file_path(stack, top, name + INFO_SUFFIX),
        )
    except NotADirectoryError:
        raise untrusted_location(record, REACHED_BY_SYMLINK) from None


def _info_file_path(stack: ExitStack, top: int, name: bytes) -> bytes:
    try:
        return FD_PATH_FORMAT % (_open_below(stack, top, [b"info"]), name)
    except FileNotFoundError:
        return FD_PATH_FORMAT % (top, b"info/" + name)


def _open_directory(stack: ExitStack, path: bytes, flags: int = 0, parent: int | None = None) -> int:
    handle = os.open(path, OPEN_FLAGS | flags, dir_fd=parent)
    stack.callback(os.close, handle)
    return handle


def _open_below(
    stack: ExitStack, directory: int, parts: Sequence[bytes], before_mkdir: Callable[[], None] | None = None
) -> int:
    """Open a directory below an open one. Raises NotADirectoryError for a symbolic link or no file name; OSError."""
    for part in parts:
        if part in (b"", b".", b".."):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), part)
        try:
            directory = _open_directory(stack, part, os.O_NOFOLLOW, directory)
        except FileNotFoundError:
            if before_mkdir is None:
                raise
            before_mkdir()
            os.mkdir(part, dir_fd=directory)
            directory = _open_directory(stack, part, os.O_NOFOLLOW, directory)
    return directory

"""Find the trash for a file: one on its own filesystem, where a rename suffices and every file manager looks.

Follows the FreeDesktop.org Trash specification 1.0, "Trash directories"
(https://specifications.freedesktop.org/trash-spec/1.0/).
"""

import os
import pwd
import stat
from dataclasses import dataclass

from catalog.errors import error_text
from catalog.filesystem.mounts import Mount, mount_of
from catalog.filesystem.stat_signature import lstat_or_none
from catalog.formatting import printable_path

NOTHING_COPIED = "nothing is copied to another filesystem"


@dataclass(frozen=True, slots=True)
class Trash:
    """A trash directory. `top`: the directory that paths in its info files are relative to; None for the home trash."""

    folder: bytes
    top: bytes | None

    @property
    def files(self) -> bytes:
        """The directory of the trashed files."""
        return os.path.join(self.folder, b"files")

    @property
    def info(self) -> bytes:
        """The directory of the info files."""
        return os.path.join(self.folder, b"info")

    def path_in_info(self, path: bytes) -> bytes:
        """Return the path of a file as its info file has it. Raises OSError."""
        if self.top is None:
            return path
        return os.path.relpath(os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)), self.top)


def xdg_data_home() -> bytes:
    """Return $XDG_DATA_HOME, or its default (XDG Base Directory specification 0.8)."""
    named = os.fsencode(os.environ.get("XDG_DATA_HOME", ""))
    if named.startswith(b"/"):
        return named
    home = os.environ.get("HOME") or pwd.getpwuid(os.geteuid()).pw_dir
    return os.path.join(os.fsencode(home), b".local", b"share")


def home_trash(data: bytes) -> bytes:
    """Return the home trash of a user whose $XDG_DATA_HOME is `data`."""
    return os.path.join(os.path.realpath(data), b"Trash")


def trash_of(folder: bytes, uid: int, data: bytes, mounts: list[Mount]) -> Trash | str:
    """Return the trash for files of `folder`, which need not exist yet, or why it cannot be used.

    The home trash, if it is on the same filesystem; else `.Trash/UID` at the top of that filesystem, where somebody
    prepared `.Trash` for all (a real directory with the sticky bit); else `.Trash-UID` there. `data`: $XDG_DATA_HOME
    of the user `uid`.
    """
    folder = os.path.realpath(folder)
    home = home_trash(data)
    if _filesystem_id(home, mounts) == _filesystem_id(folder, mounts):
        return _unusable_reason(home, uid) or Trash(home, None)
    top = _filesystem_top(folder, mounts)
    shared = os.path.join(top, b".Trash")
    if _is_shared(shared):
        own = os.path.join(shared, b"%d" % uid)
        if not _unusable_reason(own, uid):
            return Trash(own, top)
    own = os.path.join(top, b".Trash-%d" % uid)
    return _unusable_reason(own, uid) or Trash(own, top)


def make_trash(trash: Trash) -> None:
    """Create the missing directories of a trash, accessible to its user only. Raises OSError."""
    os.makedirs(os.path.dirname(trash.folder), exist_ok=True)
    for folder in (trash.folder, trash.files, trash.info):
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            continue


def _filesystem_id(path: bytes, mounts: list[Mount]) -> tuple[int, int]:
    """Return the device and mount of a path, or of its nearest existing parent.

    A rename crosses neither: one filesystem that is mounted at two places counts as two, and so do subvolumes of one
    mount.
    """
    while True:
        try:
            return os.stat(path).st_dev, mount_of(path, mounts).mount_id
        except OSError:
            if path == b"/":
                raise
            path = os.path.dirname(path)


def _filesystem_top(folder: bytes, mounts: list[Mount]) -> bytes:
    filesystem = _filesystem_id(folder, mounts)
    while folder != b"/" and _filesystem_id(os.path.dirname(folder), mounts) == filesystem:
        folder = os.path.dirname(folder)
    return folder


def _is_shared(folder: bytes) -> bool:
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and bool(found.st_mode & stat.S_ISVTX)


def _unusable_reason(folder: bytes, uid: int) -> str:
    """Return why a trash cannot be used or created; "" where it can."""
    try:
        found = lstat_or_none(folder)
    except OSError as error:
        return _trash_problem(folder, error_text(error))
    if found is None:
        problem = unwritable_reason(_nearest_existing(os.path.dirname(folder)))
        return _trash_problem(folder, f"cannot be created: {problem}") if problem else ""
    if not stat.S_ISDIR(found.st_mode):
        return _trash_problem(folder, "is not a directory")
    if found.st_uid != uid:
        return _trash_problem(folder, "belongs to another user")
    for name in (b"files", b"info"):
        inner = lstat_or_none(os.path.join(folder, name))
        if inner is not None and not stat.S_ISDIR(inner.st_mode):
            return _trash_problem(folder, f"its {name.decode()} is not a directory")
    problem = unwritable_reason(folder)
    return _trash_problem(folder, problem) if problem else ""


def _nearest_existing(folder: bytes) -> bytes:
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    return folder


def unwritable_reason(folder: bytes) -> str:
    """Return why this user cannot create a file in a folder; "" where they can."""
    if os.access(folder, os.W_OK | os.X_OK):
        return ""
    try:
        return "read-only file system" if os.statvfs(folder).f_flag & os.ST_RDONLY else "permission denied"
    except OSError as error:
        return error_text(error)


def _trash_problem(folder: bytes, problem: str) -> str:
    return f"needs the trash {printable_path(folder)}: {problem}; {NOTHING_COPIED}"

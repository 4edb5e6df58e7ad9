"""The ranking for any image viewer: a folder of numbered links, or a list of paths. Originals are never touched."""

import os
import time
from pathlib import Path

from catalog.errors import ResourceError, resource_errors
from catalog.formatting import printable_path

RANK_DIGITS = 5
MAX_NAME_BYTES = 240  # of the 255 that a name may have; the rank needs the rest
MARKER_FILE = ".catalogd-links"  # only a folder that holds this file is ever emptied


def write_links(folder: Path, paths: list[bytes], *, mtimes: bool, now: float | None = None) -> int:
    """Fill `folder` with symbolic links numbered in the order of `paths`; return how many.

    `mtimes`: give the links themselves falling mtimes, for viewers that sort by nothing else. Raises ResourceError.
    """
    with resource_errors(f"cannot fill {folder}", "Name an empty folder elsewhere."):
        _clear_links(folder)
        start = time.time() if now is None else now
        for rank, path in enumerate(paths, 1):
            end_of_name = os.path.basename(path)[-MAX_NAME_BYTES:]  # viewers go by the extension
            link = os.path.join(os.fsencode(folder), b"%0*d %b" % (RANK_DIGITS, rank, end_of_name))
            os.symlink(path, link)
            if mtimes:
                os.utime(link, (start - rank, start - rank), follow_symlinks=False)
    return len(paths)


def _clear_links(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    entries = [entry for entry in os.scandir(os.fsencode(folder)) if entry.name != MARKER_FILE.encode()]
    if entries and not (folder / MARKER_FILE).exists():
        raise ResourceError(
            f"{folder} is not empty", "Name an empty folder, or one that this command has filled before."
        )
    (folder / MARKER_FILE).touch()
    for entry in entries:
        if not entry.is_symlink():
            raise ResourceError(
                f"{printable_path(entry.path)} was not made by this command", "Move it away; nothing was deleted."
            )
        os.unlink(entry.path)


def write_list(target: Path, paths: list[bytes], zero: bool) -> None:
    """Write one path per line, or NUL-terminated with `zero`, for names that hold newlines. Raises ResourceError."""
    end = b"\0" if zero else b"\n"
    with resource_errors(f"cannot write {target}", "Name another file."):
        target.write_bytes(b"".join(path + end for path in paths))

"""The list for any viewer: a folder of links in rank order, and a list of files. No original is touched."""

import os
import time
from pathlib import Path

from catalog.errors import PlaceFault
from catalog.formatting import show

DIGITS = 5
LONGEST = 240  # bytes: a name may have 255
NOTE = ".catalogd-links"  # only a folder that holds this may be emptied and filled again


def link(folder: Path, paths: list[bytes], *, mtimes: bool, now: float | None = None) -> int:
    """Fill `folder` with numbered symbolic links in the order of `paths`; with `mtimes` their own mtimes fall by rank,
    for viewers that sort by nothing else. Returns how many. Raises PlaceFault.
    """
    try:
        _empty(folder)
        start = time.time() if now is None else now
        for rank, path in enumerate(paths, 1):
            made = os.path.join(os.fsencode(folder), b"%0*d %b" % (DIGITS, rank, _short(os.path.basename(path))))
            os.symlink(path, made)
            if mtimes:
                stamp = start - rank
                os.utime(made, (stamp, stamp), follow_symlinks=False)
    except OSError as error:
        raise PlaceFault(f"cannot fill {folder}: {error.strerror}", "Name an empty folder elsewhere.") from error
    return len(paths)


def _short(name: bytes) -> bytes:
    """A name that the number still fits beside; its end stays, since viewers go by the extension."""
    return name if len(name) <= LONGEST else name[-LONGEST:]


def _empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    held = [entry for entry in os.scandir(os.fsencode(folder)) if entry.name != NOTE.encode()]
    if held and not (folder / NOTE).exists():
        raise PlaceFault(f"{folder} is not empty", "Name an empty folder, or one that this command has filled before.")
    (folder / NOTE).touch()
    for entry in held:
        if not entry.is_symlink():
            raise PlaceFault(f"{show(entry.path)} is no link of ours", "Take it out first; nothing was deleted.")
        os.unlink(entry.path)


def write_list(target: Path, paths: list[bytes], zero: bool) -> None:
    """A path a line, as bytes; with `zero` ended by NUL, for names that hold a newline. Raises PlaceFault."""
    end = b"\0" if zero else b"\n"
    try:
        target.write_bytes(b"".join(path + end for path in paths))
    except OSError as error:
        raise PlaceFault(f"cannot write {target}: {error.strerror}", "Name another file.") from error

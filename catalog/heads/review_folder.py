"""The list for any viewer: a folder of links in rank order, and a list of files. No original is touched."""

import os
import time
from pathlib import Path

from catalog.errors import ResourceError
from catalog.formatting import printable_path

RANK_DIGITS = 5
MAX_NAME_BYTES = 240  # bytes: a name may have 255
MARKER_FILE = ".catalogd-links"  # only a folder that holds this may be emptied and filled again


def write_links(folder: Path, paths: list[bytes], *, mtimes: bool, now: float | None = None) -> int:
    """Fill `folder` with numbered symbolic links in the order of `paths`; with `mtimes` their own mtimes fall by rank,
    for viewers that sort by nothing else. Returns how many. Raises PlaceFault.
    """
    try:
        _clear_links(folder)
        start = time.time() if now is None else now
        for rank, path in enumerate(paths, 1):
            made = os.path.join(os.fsencode(folder), b"%0*d %b" % (RANK_DIGITS, rank, _short(os.path.basename(path))))
            os.symlink(path, made)
            if mtimes:
                stamp = start - rank
                os.utime(made, (stamp, stamp), follow_symlinks=False)
    except OSError as error:
        raise ResourceError(f"cannot fill {folder}: {error.strerror}", "Name an empty folder elsewhere.") from error
    return len(paths)


def _short(name: bytes) -> bytes:
    """A name that the number still fits beside; its end stays, since viewers go by the extension."""
    return name if len(name) <= MAX_NAME_BYTES else name[-MAX_NAME_BYTES:]


def _clear_links(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    held = [entry for entry in os.scandir(os.fsencode(folder)) if entry.name != MARKER_FILE.encode()]
    if held and not (folder / MARKER_FILE).exists():
        raise ResourceError(
            f"{folder} is not empty", "Name an empty folder, or one that this command has filled before."
        )
    (folder / MARKER_FILE).touch()
    for entry in held:
        if not entry.is_symlink():
            raise ResourceError(
                f"{printable_path(entry.path)} is no link of ours", "Take it out first; nothing was deleted."
            )
        os.unlink(entry.path)


def write_list(target: Path, paths: list[bytes], zero: bool) -> None:
    """A path a line, as bytes; with `zero` ended by NUL, for names that hold a newline. Raises PlaceFault."""
    end = b"\0" if zero else b"\n"
    try:
        target.write_bytes(b"".join(path + end for path in paths))
    except OSError as error:
        raise ResourceError(f"cannot write {target}: {error.strerror}", "Name another file.") from error

"""Paths as bytes: split and join them, and test whether one is below another."""

import os

from catalog.filesystem.stat_signature import file_kind, lstat_or_none


def subtree_range(path: bytes) -> tuple[bytes, bytes]:
    """Return bounds (low, high) such that low <= p < high for every path p strictly below `path`."""
    stem = path.rstrip(b"/")
    return stem + b"/", stem + b"0"  # "0" follows "/" in ASCII


def inside(path: bytes, folder: bytes) -> bool:
    """Return whether `path` is strictly below `folder`."""
    return path != folder and path.startswith(folder.rstrip(b"/") + b"/")


def at_or_inside(path: bytes, folder: bytes) -> bool:
    """Return whether `path` is `folder` or below it."""
    return path == folder or inside(path, folder)


def split_path(path: bytes) -> tuple[bytes, bytes]:
    """Return the directory and the name of a path."""
    head, _, name = path.rpartition(b"/")
    return head or b"/", name


def join_path(directory: bytes, name: bytes) -> bytes:
    """Return the path of a name in a directory."""
    return directory.rstrip(b"/") + b"/" + name


def is_real_directory(path: bytes, top: bytes) -> bool:
    """Return whether every component of `path` below `top` is a directory, and not a link to one."""
    while path != top:
        found = lstat_or_none(path)
        if found is None or file_kind(found) != "directory":
            return False
        path = os.path.dirname(path)
    return True

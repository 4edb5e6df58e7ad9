"""Take directories in as roots: place markers, extend the configuration, adopt volumes, and say what is special."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from catalog.cli.options import say
from catalog.config.edit import remove_root, write_config
from catalog.config.load import Config, check_roots
from catalog.errors import ResourceError
from catalog.files.mass_deletion import accept_loss
from catalog.filesystem.mounts import mounts_below, read_mounts
from catalog.filesystem.volume_identity import MARKER_NAME, observe_volume, write_marker
from catalog.formatting import path_text, printable_path
from catalog.state_dir import DATABASE
from catalog.store.database import Database
from catalog.store.roots import move_root, moved_root, same_marker_text
from catalog.store.volumes import adopt_volume, all_volumes


def set_up_roots(
    config_path: Path, old: Config | None, roots: tuple[bytes, ...], state: Callable[[], Path]
) -> tuple[bytes, ...]:
    """Take these directories in, and return all roots. A mount inside a known root is accepted as it is now.

    `state`: creates the state directory, once nothing else can be wrong. Raises ResourceError, UsageError.
    """
    mounts = read_mounts()
    known_mounts = {mount.path for root in (old.roots if old else ()) for mount in mounts_below(root, mounts)}
    for root in roots:
        require_directory(root)
    named_roots = tuple(dict.fromkeys(root for root in roots if root not in known_mounts))
    all_roots = tuple(dict.fromkeys((*(old.roots if old else ()), *named_roots)))
    check_roots(all_roots)
    folder = state()
    for root in named_roots:
        _place_marker(root)
    write_config(config_path, folder, all_roots)
    inner_mounts = tuple(root for root in roots if root in known_mounts)
    left = _adopt_volumes(folder / DATABASE, all_roots, named_roots, inner_mounts)
    for path in left:
        remove_root(config_path, path)
    return tuple(root for root in all_roots if root not in left)


def require_directory(path: bytes) -> None:
    """Raise ResourceError unless there is a directory at the path that this user may list."""
    if not os.path.isdir(path):
        raise ResourceError(
            f"{printable_path(path)} is not a directory",
            "Mount its disk, or check the path. `catalog root rename` and `forget` are for a root that is no more.",
        )
    problem = observe_volume(path, read_mounts()).problem
    if problem:
        raise ResourceError(f"{printable_path(path)} cannot be listed: {problem}", "Make it readable for this user.")


def _place_marker(root: bytes) -> None:
    if not write_marker(root):
        seen = observe_volume(root, read_mounts())
        say(
            f"{printable_path(root)} is read-only here: its marker {MARKER_NAME.decode()} could not be placed. It is"
            f" recognised by its filesystem ({seen.filesystem}) instead, which tells an unmounted disk or another one,"
            " but not another directory of the same disk"
        )


def _adopt_volumes(
    database_path: Path, all_roots: tuple[bytes, ...], roots: tuple[bytes, ...], mounts: tuple[bytes, ...]
) -> tuple[bytes, ...]:
    """Take what is at these paths now as the right disks, and accept the loss of missing files of held ones.

    Return the roots of the configuration whose files are at another path now.
    """
    with Database(database_path, write=True) as database, database.transaction():
        left = tuple(path for root in roots if (path := _follow_move(database, root, all_roots)) in all_roots)
        for kind, paths in (("root", roots), ("mount", mounts)):
            for path in paths:
                adopt_volume(database, path, kind, observe_volume(path, read_mounts()), time.time())
                lost = accept_loss(database, path, time.time())
                if lost:
                    say(f"accepted: the next scan marks {lost:,} missing files of {printable_path(path)} as gone")
        _say_same_markers(database, roots)
    return left


def _follow_move(database: Database, path: bytes, all_roots: tuple[bytes, ...]) -> bytes:
    """Give a known root the path where it is now; return its old path, or "" if it is not a known one."""
    known = {volume.path: volume for volume in all_volumes(database)}
    if path in known and known[path].kind == "root" and known[path].identity:
        return b""
    mounts = read_mounts()
    moved = moved_root(database, path, observe_volume(path, mounts), all_roots, mounts)
    if moved is None or not move_root(database, moved, path, time.time()):
        return b""
    say(f"{printable_path(moved.path)} is {printable_path(path)} now: its files keep all that is known about them")
    return moved.path


def _say_same_markers(database: Database, roots: tuple[bytes, ...]) -> None:
    volumes = [volume for volume in all_volumes(database) if volume.kind == "root" and not volume.dropped]
    for root in roots:
        identity = next((volume.identity for volume in volumes if volume.path == root), "")
        for other in volumes:
            if other.path != root and other.identity == identity and identity.startswith("marker="):
                say(f"{printable_path(root)} {same_marker_text(path_text(other.path))}")
                break

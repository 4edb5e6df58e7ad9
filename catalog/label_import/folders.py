"""Folders of choices already made: which files lie there, and what each folder says of them."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping

from catalog.errors import ResourceError, UsageError
from catalog.filesystem.ignore import IgnoreRules
from catalog.formatting import printable_path

LABEL_VALUES = ("keep", "delete")
DEFAULT_CLASSES = {"keep": "keep", "good": "keep", "1": "keep", "delete": "delete", "bad": "delete", "0": "delete"}
FolderLabels = dict[bytes, str]  # folder: keep or delete


def parse_class_map(words: str) -> dict[str, str]:
    """`good=keep,bad=delete` as a dictionary. Raises UsageFault."""
    found = {}
    for word in filter(None, (part.strip() for part in words.split(","))):
        name, _, value = word.rpartition("=")
        if not name or value not in LABEL_VALUES:
            raise UsageError(
                f"--map {word!r} is not NAME=keep or NAME=delete", "For example: --map good=keep,bad=delete"
            )
        found[name] = value
    return found


def class_folders(top: bytes, given: Mapping[str, str], ignore: IgnoreRules) -> FolderLabels:
    """The folders in an ImageFolder tree, one a class. Raises UsageFault for classes that are not understood."""
    with _scan_folder(top) as entries:
        names = [one.name for one in entries if one.is_dir(follow_symlinks=False) and not ignore.name(one.name)]
    known = given or DEFAULT_CLASSES
    found = {name: known.get(os.fsdecode(name) if given else os.fsdecode(name).lower()) for name in sorted(names)}
    unknown = ", ".join(printable_path(name) for name, value in found.items() if value is None)
    if unknown or not found:
        raise UsageError(
            f"{printable_path(top)} has classes that are not understood: {unknown}"
            if unknown
            else f"{printable_path(top)} has no folders",
            "Say what each means: --map NAME=keep,NAME=delete.",
        )
    return {os.path.join(top, name): value for name, value in found.items() if value is not None}


def _scan_folder(top: bytes) -> "os._ScandirIterator[bytes]":
    try:
        return os.scandir(top)
    except OSError as error:
        raise ResourceError(
            f"{printable_path(top)} cannot be read: {os.strerror(error.errno or 0).lower()}",
            "Name a folder that can be read.",
        ) from error


def regular_files(folder: bytes, ignore: IgnoreRules, failed: Callable[[OSError], None]) -> Iterator[bytes]:
    """Regular files in a folder and below, in order; links are not followed. Raises PlaceFault for the folder."""
    _scan_folder(folder).close()
    for where, inner, names in os.walk(folder, onerror=failed):
        inner[:] = sorted(name for name in inner if not ignore.name(name))
        for name in sorted(names):
            path = os.path.join(where, name)
            if not ignore.name(name) and _is_regular(path):
                yield path


def _is_regular(path: bytes) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False

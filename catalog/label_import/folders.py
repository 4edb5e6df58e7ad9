"""Folders of images that are already sorted: their files, and the label that each folder stands for."""

import os
from collections.abc import Callable, Iterator, Mapping

from catalog.errors import UsageError, resource_errors
from catalog.filesystem.ignore import IgnoreRules
from catalog.formatting import printable_path

LABEL_VALUES = ("keep", "delete")
DEFAULT_CLASSES = {"keep": "keep", "good": "keep", "1": "keep", "delete": "delete", "bad": "delete", "0": "delete"}
FolderLabels = dict[bytes, str]  # folder → keep or delete


def parse_class_map(text: str) -> dict[str, str]:
    """Return `good=keep,bad=delete` as a dictionary. Raises UsageError if the text is invalid."""
    labels = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = item.rpartition("=")
        if not name or value not in LABEL_VALUES:
            raise UsageError(
                f"--map {item!r} is not NAME=keep or NAME=delete", "For example: --map good=keep,bad=delete"
            )
        labels[name] = value
    return labels


def class_folders(top: bytes, class_map: Mapping[str, str], ignore: IgnoreRules) -> FolderLabels:
    """Return the folders of an ImageFolder tree, which has one folder per class.

    Raises UsageError if `class_map`, or DEFAULT_CLASSES if it is empty, lacks a class, or there are no folders. Raises
    ResourceError if the tree cannot be read.
    """
    with _scan_folder(top) as entries:
        folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    names = sorted(name for name in folders if not ignore.ignores_directory(os.path.join(top, name)))
    known = class_map or DEFAULT_CLASSES
    labels = {name: known.get(os.fsdecode(name) if class_map else os.fsdecode(name).lower()) for name in names}
    unknown = ", ".join(printable_path(name) for name, value in labels.items() if value is None)
    if unknown or not labels:
        raise UsageError(
            f"{printable_path(top)} has class folders of unknown meaning: {unknown}"
            if unknown
            else f"{printable_path(top)} has no class folders",
            "Map each class to a label: --map NAME=keep,NAME=delete.",
        )
    return {os.path.join(top, name): value for name, value in labels.items() if value is not None}


def _scan_folder(top: bytes) -> "os._ScandirIterator[bytes]":
    with resource_errors(f"{printable_path(top)} cannot be read", "Check the path and its permissions."):
        return os.scandir(top)


def regular_files(folder: bytes, ignore: IgnoreRules, on_error: Callable[[OSError], None]) -> Iterator[bytes]:
    """Yield the regular files below a folder, in order, without following links.

    Calls `on_error` for each subfolder that cannot be read. Raises ResourceError if the folder itself cannot be read.
    """
    _scan_folder(folder).close()
    for directory, subfolders, names in os.walk(folder, onerror=on_error):
        subfolders[:] = sorted(
            name for name in subfolders if not ignore.ignores_directory(os.path.join(directory, name))
        )
        for name in sorted(names):
            path = os.path.join(directory, name)
            if not ignore.ignores_name(name) and os.path.isfile(path) and not os.path.islink(path):
                yield path

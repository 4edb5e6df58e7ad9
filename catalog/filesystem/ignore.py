"""Rules for ignored paths: the patterns of the configuration, the marker file and the state directory."""

import fnmatch
import os
import re
from collections.abc import Callable, Iterable

from catalog.errors import UsageError
from catalog.filesystem.paths import subtree_range
from catalog.filesystem.transient import TRANSIENT_FILES, TRANSIENT_FOLDERS
from catalog.filesystem.volume_identity import MARKER_NAME

LITTER_FILES = ("Thumbs.db", "desktop.ini", ".DS_Store", "._*")
DEFAULT_IGNORE = (*LITTER_FILES, *TRANSIENT_FILES, *(f"{folder}/" for folder in TRANSIENT_FOLDERS))
DEFAULTS = "<defaults>"  # in a configuration: all of DEFAULT_IGNORE
TAKEN_BACK = "!"


def expand_ignore(patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns in force: `<defaults>` stands for the default ones, and `!PATTERN` takes one of them back.

    A list without `<defaults>` replaces them. Raises UsageError if it takes back a pattern that it does not contain.
    """
    listed = list(patterns)
    taken_back = {_plain(pattern[1:]): pattern for pattern in listed if pattern.startswith(TAKEN_BACK)}
    expanded: list[str] = []
    for pattern in listed:
        if not pattern.startswith(TAKEN_BACK):
            expanded += DEFAULT_IGNORE if pattern == DEFAULTS else (pattern,)
    known = {_plain(pattern) for pattern in expanded}
    for name, pattern in taken_back.items():
        if name not in known:
            remedy = f"Put {DEFAULTS} before it, and write it as the table of settings does."
            raise UsageError(f"`ignore` takes back {pattern}, and does not contain {pattern[1:]}", remedy)
    return tuple(dict.fromkeys(pattern for pattern in expanded if _plain(pattern) not in taken_back))


def _plain(pattern: str) -> str:
    return pattern.strip("/").lower()


class IgnoreRules:
    """Compiled shell patterns, and one subtree: the state directory.

    A pattern without a slash matches the name of a file or a folder. One with a slash matches the end of a folder's
    path: `.local/share/Trash` is the trash of some user, while `Trash` alone may be any folder, and `.zfs/` is no file.
    The case of the default patterns is ignored: on Windows, SMB, FAT and macOS both spellings are the same folder.
    """

    def __init__(self, configured: tuple[str, ...], state: bytes) -> None:
        patterns = expand_ignore(configured)
        folders = [pattern.strip("/") for pattern in patterns if "/" in pattern]
        anywhere = [_pattern_regex(pattern) for pattern in patterns if "/" not in pattern]
        # Apart from the names of files, which are many: matching 70 more patterns would take 2 µs for each of them.
        self._matches_name = _matcher([re.escape(MARKER_NAME) + rb"\Z", *anywhere])
        self._matches_folder_name = _matcher([_pattern_regex(name) for name in folders if "/" not in name])
        self._matches_tail = _matcher([_pattern_regex(tail, "*/") for tail in folders if "/" in tail])
        self._state = state
        self._low, self._high = subtree_range(state)

    def ignores_name(self, name: bytes) -> bool:
        """Return whether any file or directory with this name is ignored."""
        return self._matches_name(name) is not None

    def ignores_directory(self, path: bytes) -> bool:
        """Return whether this directory is ignored, apart from the directories above it."""
        name = os.path.basename(path)
        return (
            path == self._state
            or self._matches_name(name) is not None
            or self._matches_folder_name(name) is not None
            or self._matches_tail(path) is not None
        )

    def ignores_path(self, path: bytes, root: bytes) -> bool:
        """Return whether any part of `path` below `root` is ignored. `path` is taken for a directory."""
        if path == self._state or self._low <= path < self._high:
            return True
        start = len(root.rstrip(b"/")) + 1
        while len(path) > start:
            if self.ignores_directory(path):
                return True
            path = os.path.dirname(path)
        return False


_DEFAULTS_AS_FOLDERS = frozenset(map(_plain, DEFAULT_IGNORE))


def _pattern_regex(pattern: str, prefix: str = "") -> bytes:
    regex = fnmatch.translate(prefix + pattern).encode("utf-8", "surrogateescape")
    return b"(?i:" + regex + b")" if _plain(pattern) in _DEFAULTS_AS_FOLDERS else regex


def _matcher(regexes: list[bytes]) -> Callable[[bytes], re.Match[bytes] | None]:
    return re.compile(b"|".join(regexes or [rb"(?!)"]), re.DOTALL).match

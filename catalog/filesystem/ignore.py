"""Which names are not looked at: only what the configuration lists, and our own marker and state."""

import fnmatch
import os
import re

from catalog.filesystem.paths import subtree_range
from catalog.filesystem.volume_identity import MARKER_NAME


class IgnoreRules:
    """A compiled list of shell patterns, and one subtree (our own state directory).

    A pattern is of single names; one with a slash is of the end of a directory's path: `.local/share/Trash` is
    anybody's trash, and `Trash` alone would be too many a folder.
    """

    def __init__(self, patterns: tuple[str, ...], state: bytes) -> None:
        parts = [_pattern_regex(pattern) for pattern in patterns if "/" not in pattern]
        self._match = re.compile(b"|".join([re.escape(MARKER_NAME) + rb"\Z", *parts]), re.DOTALL).match
        ends = [_pattern_regex("*/" + pattern.strip("/")) for pattern in patterns if "/" in pattern]
        self._ends = re.compile(b"|".join(ends), re.DOTALL).match if ends else None
        self._state = state
        self._low, self._high = subtree_range(state)

    def name(self, name: bytes) -> bool:
        """Whether a file or directory of this name is passed over."""
        return self._match(name) is not None

    def directory(self, path: bytes) -> bool:
        """Whether this very directory is our own state, or passed over for its path."""
        return path == self._state or (self._ends is not None and self._ends(path) is not None)

    def path(self, path: bytes, root: bytes) -> bool:
        """Whether any part of `path` below `root` is passed over."""
        if path == self._state or self._low <= path < self._high:
            return True
        start = len(root.rstrip(b"/")) + 1
        if any(self._match(part) for part in path[start:].split(b"/")):
            return True
        while self._ends is not None and len(path) > start:
            if self._ends(path):
                return True
            path = os.path.dirname(path)
        return False


def _pattern_regex(pattern: str) -> bytes:
    return fnmatch.translate(pattern).encode("utf-8", "surrogateescape")

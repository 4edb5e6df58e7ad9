"""Rules for ignored paths: the patterns of the configuration, the marker file and the state directory."""

import fnmatch
import os
import re

from catalog.filesystem.paths import subtree_range
from catalog.filesystem.volume_identity import MARKER_NAME


class IgnoreRules:
    """Compiled shell patterns, and one subtree: the state directory.

    A pattern matches single names. One with a slash matches the end of a directory's path: `.local/share/Trash` is the
    trash of some user, while `Trash` alone may be any folder.
    """

    def __init__(self, patterns: tuple[str, ...], state: bytes) -> None:
        names = [_pattern_regex(pattern) for pattern in patterns if "/" not in pattern]
        self._matches_name = re.compile(b"|".join([re.escape(MARKER_NAME) + rb"\Z", *names]), re.DOTALL).match
        tails = [_pattern_regex("*/" + pattern.strip("/")) for pattern in patterns if "/" in pattern]
        self._matches_tail = re.compile(b"|".join(tails), re.DOTALL).match if tails else None
        self._state = state
        self._low, self._high = subtree_range(state)

    def ignores_name(self, name: bytes) -> bool:
        """Return whether a file or directory with this name is ignored."""
        return self._matches_name(name) is not None

    def ignores_directory(self, path: bytes) -> bool:
        """Return whether this directory is the state directory, or its path matches a pattern with a slash."""
        return path == self._state or (self._matches_tail is not None and self._matches_tail(path) is not None)

    def ignores_path(self, path: bytes, root: bytes) -> bool:
        """Return whether any part of `path` below `root` is ignored."""
        if path == self._state or self._low <= path < self._high:
            return True
        start = len(root.rstrip(b"/")) + 1
        if any(self._matches_name(part) for part in path[start:].split(b"/")):
            return True
        while self._matches_tail is not None and len(path) > start:
            if self._matches_tail(path):
                return True
            path = os.path.dirname(path)
        return False


def _pattern_regex(pattern: str) -> bytes:
    return fnmatch.translate(pattern).encode("utf-8", "surrogateescape")

"""Which names are not looked at: only what the configuration lists, and our own marker and state."""

import fnmatch
import re

from catalog.tree import below
from catalog.volumes import MARKER


class Ignore:
    """A compiled list of shell patterns on single names, and one subtree (our own state directory)."""

    def __init__(self, patterns: tuple[str, ...], state: bytes) -> None:
        parts = [fnmatch.translate(pattern).encode("utf-8", "surrogateescape") for pattern in patterns]
        self._match = re.compile(b"|".join([re.escape(MARKER) + rb"\Z", *parts]), re.DOTALL).match
        self._state = state
        self._low, self._high = below(state)

    def name(self, name: bytes) -> bool:
        """Whether a file or directory of this name is passed over."""
        return self._match(name) is not None

    def directory(self, path: bytes) -> bool:
        """Whether this very directory is our own state."""
        return path == self._state

    def path(self, path: bytes, root: bytes) -> bool:
        """Whether any part of `path` below `root` is passed over."""
        if path == self._state or self._low <= path < self._high:
            return True
        return any(self._match(part) for part in path[len(root.rstrip(b"/")) + 1 :].split(b"/"))

"""What a test did to a tree of files, and so what has to be known of each: the model beside the machine.

It never asks the disk or the catalog; paths are relative to the root.
"""

import hashlib
from dataclasses import dataclass


@dataclass(eq=False)
class Blob:
    """An inode: hard links share it."""

    data: bytes
    healthy: bool | None  # None: either verdict will do
    readable: bool = True


@dataclass(frozen=True)
class Link:
    """A symbolic link."""


Item = Blob | Link


class Collection:
    """Files by path, and which directories are closed or away."""

    def __init__(self) -> None:
        self.items: dict[bytes, Item] = {}
        self.ever: set[bytes] = set()
        self.met: set[bytes] = set()  # what the catalog has certainly seen as it stands
        self.closed: set[bytes] = set()  # directories that cannot be read
        self.away: set[bytes] = set()  # mounts that are not there

    def put(self, path: bytes, item: Item) -> None:
        """Something stands at a path."""
        if path not in self.items:
            self.met.discard(path)
        self.items[path] = item
        self.ever.add(path)

    def remove(self, path: bytes) -> Item:
        """Nothing stands there any more."""
        self.met.discard(path)
        return self.items.pop(path)

    def meet(self) -> None:
        """The catalog was seen to be right."""
        self.met |= {path for path in self.items if not self.hidden(path)}

    def below(self, top: bytes) -> list[bytes]:
        """Paths below a directory."""
        return [path for path in self.items if path.startswith(top + b"/")]

    def move(self, source: bytes, target: bytes) -> None:
        """A file was renamed."""
        self.put(target, self.remove(source))

    def move_tree(self, source: bytes, target: bytes) -> None:
        """A directory was renamed."""
        for path in self.below(source):
            self.move(path, target + path[len(source) :])
        self.closed = {target + path[len(source) :] if within(path, source) else path for path in self.closed}

    def linked(self, path: bytes) -> bool:
        """Whether another path holds the same inode."""
        return sum(item is self.items[path] for item in self.items.values()) > 1

    def hidden(self, path: bytes) -> bool:
        """Whether no one can look at the path now."""
        return any(within(path, top) for top in self.closed | self.away)

    def wrong(self, states: dict[bytes, tuple[str, bytes | None, str | None]], absent: bool) -> list[str]:
        """How the catalog's states differ from what they have to be."""
        found = []
        for path in sorted(self.ever | states.keys()):
            state, sha256, reason = states.get(path, ("unknown", None, None))
            word = self._judge(path, state, sha256, reason, absent)
            if word:
                found.append(f"{path!r} is {state} ({reason}), {word}")
        return found

    def _judge(self, path: bytes, state: str, sha256: bytes | None, reason: str | None, absent: bool) -> str:
        item = self.items.get(path)
        if item is None:
            return "" if state in ("gone", "unknown") or absent or self.hidden(path) else "and was removed"
        if absent or self.hidden(path):
            # What went away before the catalog met it is not known to it; nothing that was may be gone.
            allowed = ("unreachable",) if path in self.met else ("unreachable", "unknown", "gone")
            return "" if state in allowed else "and is out of reach"
        if isinstance(item, Link):
            return "" if reason == "symbolic link" else "and is a link"
        if not item.readable:
            return "" if reason == "unreadable" else "and cannot be read"
        if sha256 != hashlib.sha256(item.data).digest():
            return "and has other bytes"
        verdicts = {True: ("ok",), False: ("rejected",), None: ("ok", "rejected")}[item.healthy]
        return "" if state in verdicts else f"and should be {verdicts[0]}"


def within(path: bytes, top: bytes) -> bool:
    """Whether a path is a directory or lies below it."""
    return path == top or path.startswith(top + b"/")

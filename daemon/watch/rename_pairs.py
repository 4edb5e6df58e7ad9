"""Pair the two halves of a rename: the kernel reports source and target in two events with one cookie."""

from dataclasses import dataclass

from daemon.watch.tree import Node

# The second half is queued microseconds after the first, so waiting longer only delays "vanished". If it comes
# later all the same, source and target are reported as gone and new: correct, but more expensive.
PAIR_SECONDS = 0.1


@dataclass(slots=True)
class PendingRename:
    """The first half of a rename. `node` is the directory, if it was watched; `parent` is where it was.

    `expires`: in monotonic seconds. `disturbed`: something happened inside while its path was unknown, or a walk
    went there by a path that was no longer valid.
    """

    path: bytes
    parent: Node
    node: Node | None
    directory: bool
    expires: float
    disturbed: bool = False


class RenamePairs:
    """First halves waiting for their second half, oldest first."""

    def __init__(self) -> None:
        self._pending: dict[int, PendingRename] = {}
        self._cookies: dict[bytes, int] = {}

    def add(self, cookie: int, pending: PendingRename) -> None:
        """Keep a first half, whose node is already detached from the tree."""
        self._pending[cookie] = pending
        self._cookies[pending.path] = cookie

    def pop(self, cookie: int) -> PendingRename | None:
        """Remove and return the first half with this cookie; None if the entry came from outside."""
        pending = self._pending.pop(cookie, None)
        if pending is not None:
            self._cookies.pop(pending.path, None)
        return pending

    def pop_path(self, path: bytes) -> list[PendingRename]:
        """Remove and return the rename away from `path`, which now has a new entry."""
        cookie = self._cookies.get(path)
        pending = None if cookie is None else self.pop(cookie)
        return [] if pending is None else [pending]

    def pop_expired(self, now: float) -> list[PendingRename]:
        """Remove and return those that have waited too long: they left the roots."""
        cookies = [cookie for cookie, pending in self._pending.items() if pending.expires <= now]
        return [pending for cookie in cookies if (pending := self.pop(cookie)) is not None]

    def mark_disturbed(self, top: Node) -> None:
        """Note that something happened inside the directory `top` while its rename was pending."""
        for pending in self._pending.values():
            pending.disturbed |= pending.node is top

    def next_expiry(self) -> float | None:
        """Return when the oldest expires; None if nothing is pending."""
        return next((pending.expires for pending in self._pending.values()), None)

"""Pairing the two halves of a rename: the kernel says from where and to where in two records with one cookie."""

from dataclasses import dataclass

from daemon.watch.tree import Node

# The second half is queued microseconds after the first, so waiting longer only delays "vanished". If it comes
# later all the same, source and target are told as gone and new, which is true, only dearer.
PAIR_SECONDS = 0.1


@dataclass(slots=True)
class PendingRename:
    """A name that left its place. `node` is its directory if that was watched; `parent` is where it was.

    `disturbed`: something happened inside while nobody could say under which path, or a walk went there by a path
    that was not true any more.
    """

    path: bytes
    parent: Node
    node: Node | None
    directory: bool
    until: float
    disturbed: bool = False


class RenamePairs:
    """First halves that wait for the second, oldest first."""

    def __init__(self) -> None:
        self._held: dict[int, PendingRename] = {}
        self._cookies: dict[bytes, int] = {}

    def hold(self, cookie: int, held: PendingRename) -> None:
        """Keeps a first half. The tree has let go of its node."""
        self._held[cookie] = held
        self._cookies[held.path] = cookie

    def pair(self, cookie: int) -> PendingRename | None:
        """The first half that belongs to a second half; None when it came from outside."""
        held = self._held.pop(cookie, None)
        if held is not None:
            self._cookies.pop(held.path, None)
        return held

    def left(self, path: bytes) -> list[PendingRename]:
        """Takes out the one that left `path`, which is being taken again."""
        cookie = self._cookies.get(path)
        held = None if cookie is None else self.pair(cookie)
        return [] if held is None else [held]

    def expired(self, now: float) -> list[PendingRename]:
        """Takes out those whose second half will not come: they left the roots."""
        over = [cookie for cookie, held in self._held.items() if held.until <= now]
        return [held for cookie in over if (held := self.pair(cookie)) is not None]

    def disturb(self, top: Node) -> None:
        """Notes that something happened below a directory that is on its way."""
        for held in self._held.values():
            held.disturbed |= held.node is top

    def next_due(self) -> float | None:
        """When the oldest expires, on the clock of `until`."""
        return next((held.until for held in self._held.values()), None)

"""Watching roots for changes: hints to look at, told as they come. The scan remains the truth.

watchdog owns the threads, the queue between them and the dispatch: an emitter a root fills it, an observer empties it.
Its own inotify emitter is replaced by ours, through the public `EventEmitter` interface. Theirs (6.0 and 7.1)
throws away what it had read at an overflow; 7.1 then rebuilds every watch, which overflows the queue again and
livelocks from 20,000 directories on; directories that were moved out stay watched. All of it sits in private
classes that were rewritten between 6.0 and 7.1, so subclassing those would tie us to one release and still need
each of these rewritten.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver, EventEmitter, EventQueue, ObservedWatch

from catalog.filesystem.mounts import Mount, read_mounts
from daemon.watch.coverage import WatchCoverage
from daemon.watch.hints import Hint, Rescan
from daemon.watch.root import WatchedRoot

__all__ = ["WatchCoverage", "Watcher"]

log = structlog.get_logger()


class Watcher:
    """Watches directory trees and tells hints about them. Its methods are for one thread at a time.

    `tell` is called from watchdog's thread and from callers of `add` and `check`; it must not block. What it raises is
    logged and made good by a Rescan. Hints may come twice; none is lost without a Rescan.
    """

    def __init__(self, roots: Sequence[bytes], tell: Callable[[Hint], None]) -> None:
        self._watches: dict[bytes, ObservedWatch | None] = dict.fromkeys(roots)
        self._teller = _HintDispatcher(tell)
        self._observer = BaseObserver(_RootEmitter)

    def start(self) -> None:
        """Watches all roots, then returns: about 20 µs a directory. Does not fail: ask `check`. Scan after it, not
        before."""
        for root in self._watches:
            self._watches[root] = self._schedule(root)
        self._observer.start()

    def stop(self) -> None:
        """Ends all threads and gives all watches back. Hints still queued are not told: scan at the next start."""
        self._observer.stop()
        if self._observer.is_alive():
            self._observer.join()

    def add(self, root: bytes) -> None:
        """Watches a root, afresh if it was watched already, then tells a Rescan of it."""
        self.remove(root)
        self._watches[root] = self._schedule(root)
        self._teller.tell(Rescan(root, "watched from now on"), root)

    def remove(self, root: bytes) -> None:
        """Ends watching a root; one that is not watched is fine."""
        watch = self._watches.pop(root, None)
        if watch is not None:
            self._observer.unschedule(watch)

    def check(self) -> list[WatchCoverage]:
        """What is watched now, root by root, and asks for repair of what is not. Call it every 5 to 10 s.

        Costs no walk and at most about 1 % of a core (see `tools/bench/watch.py`). Raises OSError where /proc is not
        mounted.
        """
        self._teller.settle()
        mounts = read_mounts()
        emitters = {emitter.watch: emitter for emitter in self._observer.emitters if isinstance(emitter, _RootEmitter)}
        return [
            self._cover(root, emitters.get(watch) if watch else None, mounts) for root, watch in self._watches.items()
        ]

    def _schedule(self, root: bytes) -> ObservedWatch | None:
        if os.path.isfile(root):
            return None  # watchdog would quietly watch the directory it is in
        return self._observer.schedule(self._teller, os.fsdecode(root), recursive=True)

    def _cover(self, root: bytes, emitter: "_RootEmitter | None", mounts: Sequence[Mount]) -> WatchCoverage:
        if emitter is None:
            word = "is a file, not a directory" if os.path.isfile(root) else "is not watched: start or add it"
            return WatchCoverage(root, False, 0, 0, (root,), f"the root {word}")
        return emitter.root.check(mounts, emitter.is_alive() and self._observer.is_alive())


@dataclass(unsafe_hash=True)
class _HintEvent(FileSystemEvent):
    """A hint on its way through watchdog's queue; `src_path` is the root."""

    hint: Hint = field(kw_only=True)


class _HintDispatcher(FileSystemEventHandler):
    """Hands hints on. An exception here would end watchdog's dispatcher while the emitters run on unheard."""

    def __init__(self, tell: Callable[[Hint], None]) -> None:
        self._tell = tell
        self._owed: set[bytes] = set()

    def dispatch(self, event: FileSystemEvent) -> None:
        if isinstance(event, _HintEvent):
            self.tell(event.hint, os.fsencode(event.src_path))

    def tell(self, hint: Hint, root: bytes) -> None:
        """Tells a hint; one that is refused is owed as a Rescan of its root."""
        try:
            self._tell(hint)
        except Exception:
            log.exception("a hint was refused", root=os.fsdecode(root))
            self._owed.add(root)

    def settle(self) -> None:
        """Tries once more to tell what is owed."""
        owed, self._owed = self._owed, set()
        for root in owed:
            self.tell(Rescan(root, "a hint was refused"), root)


class _RootEmitter(EventEmitter):
    """Runs one watched root in a thread of watchdog's."""

    def __init__(
        self, event_queue: EventQueue, watch: ObservedWatch, *, timeout: float = 1.0, event_filter: None = None
    ) -> None:
        super().__init__(event_queue, watch, timeout=timeout, event_filter=event_filter)
        self._path = os.fsencode(watch.path)
        self.root = WatchedRoot(self._path, self._tell)

    def on_thread_start(self) -> None:
        """A root that cannot be watched is told by `check`, never raised: the other roots must start."""
        try:
            self.root.open()
        except Exception as error:
            self._fail(error)

    def queue_events(self, timeout: float) -> None:
        """Called in a loop by watchdog."""
        try:
            self.root.turn(timeout)
        except Exception as error:
            self._fail(error)
            self._tell(Rescan(self._path, f"the watcher failed: {error}"))
        if self.root.failed:
            self.stop()

    def run(self) -> None:
        try:
            super().run()
        finally:
            self.root.close()

    def on_thread_stop(self) -> None:
        self.root.wake()

    def _fail(self, error: Exception) -> None:
        self.root.failed = f"cannot be watched: {error}"
        if not isinstance(error, OSError):
            log.exception("the watcher failed", root=os.fsdecode(self._path))

    def _tell(self, hint: Hint) -> None:
        self.queue_event(_HintEvent(os.fsdecode(self._path), hint=hint))

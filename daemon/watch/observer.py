"""Watch roots for changes and submit hints about them. The scan remains the truth.

Each root has a thread, a subclass of watchdog's `EventEmitter` that uses nothing but its public interface. It submits
hints straight to their consumer, so that one queue, which the consumer bounds, lies between inotify and the consumer.
watchdog's observer is not used: it would add a second queue, unbounded at about 284 bytes an event, and a thread that
does nothing but move hints from one queue to the other.

watchdog's own inotify emitter (6.0 and 7.1) drops the events already read at an overflow; 7.1 then rebuilds every
watch, which overflows the queue again and livelocks from 20,000 directories on; directories that were moved out stay
watched. All of this is in private classes that were rewritten between 6.0 and 7.1: subclassing them would tie us to
one release.
"""

import os
from collections.abc import Callable, Sequence

import structlog
from watchdog.observers.api import EventEmitter, EventQueue, ObservedWatch

from catalog.filesystem.mounts import Mount, read_mounts
from daemon.watch.coverage import WatchCoverage
from daemon.watch.hints import Hint, Rescan
from daemon.watch.root import WatchedRoot

__all__ = ["WatchCoverage", "Watcher"]

log = structlog.get_logger()


class Watcher:
    """The watched roots. Its methods are for one thread at a time.

    `submit` is called from the threads of the roots and by `add`; it must not block. An exception it raises is logged,
    and a Rescan of the root follows. Hints may be submitted twice; none is lost without a Rescan.
    """

    def __init__(self, roots: Sequence[bytes], submit: Callable[[Hint], None]) -> None:
        self._emitters: dict[bytes, _RootEmitter | None] = dict.fromkeys(roots)
        self._submit = submit

    def start(self) -> None:
        """Watch all roots, then return: about 20 µs a directory. Ask `check` about failures. Scan after it."""
        for root in self._emitters:
            self._emitters[root] = self._start_emitter(root)

    def stop(self) -> None:
        """End all threads and remove all watches. What changes from now on is found by the scan at the next start."""
        emitters = [emitter for emitter in self._emitters.values() if emitter is not None]
        for emitter in emitters:
            emitter.stop()
        for emitter in emitters:
            emitter.join()
        self._emitters = dict.fromkeys(self._emitters)

    def add(self, root: bytes) -> None:
        """Watch a root, afresh if it was watched already, then submit a Rescan of it."""
        self.remove(root)
        self._emitters[root] = self._start_emitter(root)
        self._submit(Rescan(root, "watched from now on"))

    def remove(self, root: bytes) -> None:
        """Stop watching a root; do nothing if it is not watched."""
        emitter = self._emitters.pop(root, None)
        if emitter is not None:
            emitter.stop()
            emitter.join()

    def check(self) -> list[WatchCoverage]:
        """Return the coverage of each root, and request repair of what is not watched. Call it every 5 to 10 s.

        Costs no walk and at most about 1 % of a core (see `tools/bench/watch.py`). Raises OSError where /proc is not
        mounted.
        """
        mounts = read_mounts()
        return [_root_coverage(root, emitter, mounts) for root, emitter in self._emitters.items()]

    def _start_emitter(self, root: bytes) -> "_RootEmitter | None":
        if os.path.isfile(root):
            return None
        emitter = _RootEmitter(root, self._submit)
        emitter.start()
        return emitter


def _root_coverage(root: bytes, emitter: "_RootEmitter | None", mounts: Sequence[Mount]) -> WatchCoverage:
    if emitter is not None:
        return emitter.root.check(mounts, emitter.is_alive())
    problem = "is a file, not a directory" if os.path.isfile(root) else "is not watched: start or add it"
    return WatchCoverage(root, False, 0, 0, (root,), f"the root {problem}")


class _RootEmitter(EventEmitter):
    """The thread of one watched root. watchdog calls `queue_events` in a loop until `stop`."""

    def __init__(self, root: bytes, submit: Callable[[Hint], None]) -> None:
        super().__init__(EventQueue(), ObservedWatch(os.fsdecode(root), recursive=True))  # its queue stays empty
        self._path = root
        self._submit_hint = submit
        self._rescan_owed = False
        self.root = WatchedRoot(root, self._submit)

    def on_thread_start(self) -> None:
        """Open the root, in the caller's thread. A failure is left to `check`: the other roots must start."""
        try:
            self.root.open()
        except Exception as error:
            self._fail(error)

    def queue_events(self, timeout: float) -> None:
        """Process the events of at most `timeout` seconds."""
        if self._rescan_owed:
            self._rescan_owed = False
            self._submit(Rescan(self._path, "a hint was refused"))
        try:
            self.root.step(timeout)
        except Exception as error:
            self._fail(error)
            self._submit(Rescan(self._path, f"the watcher failed: {error}"))
        if self.root.failure:
            self.stop()

    def run(self) -> None:
        """Run until `stop`, then remove all watches."""
        try:
            super().run()
        finally:
            self.root.close()

    def on_thread_stop(self) -> None:
        """End the wait for events."""
        self.root.wake()

    def _fail(self, error: Exception) -> None:
        self.root.failure = f"cannot be watched: {error}"
        if not isinstance(error, OSError):
            log.exception("the watcher failed", root=os.fsdecode(self._path))

    def _submit(self, hint: Hint) -> None:
        """Submit a hint; if it is refused, a Rescan of the root follows. An exception here would end the thread."""
        try:
            self._submit_hint(hint)
        except Exception:
            log.exception("a hint was refused", root=os.fsdecode(self._path))
            self._rescan_owed = True

"""Follow the watcher's hints: stat each path, and record in the catalog what is there now."""

import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial

import structlog

from catalog.config.load import Config
from catalog.crash_points import crash_point
from catalog.files.moves import apply_file_rename, move_directory_rows
from catalog.files.observe import Sighting, record_missing_path, record_sighting
from catalog.filesystem.ignore import IgnoreRules
from catalog.filesystem.paths import inside
from catalog.filesystem.stat_signature import lstat_or_none
from catalog.store.database import Database
from catalog.store.isolation import isolated
from daemon.scan.walk import make_sighting
from daemon.watch.hints import Dirty, Hint, Moved, Rescan, Vanished
from daemon.writer import Change, Writer

MAX_WAITING_HINTS = 100_000  # beyond that one scan is cheaper than following them all
FOLD_SECONDS = 0.05  # copying a file gives several hints within milliseconds
log = structlog.get_logger()


class HintFollower:
    """The consumer of hints: one thread calls `step`; `submit` may be called from any thread and never blocks."""

    def __init__(self, config: Config, writer: Writer, rescan: Callable[[bytes, str], None]) -> None:
        self._writer = writer
        self._rescan = rescan
        self._lock = threading.Lock()
        self._hints: deque[Hint] = deque()
        self._overflowed = False
        self._wake = threading.Event()
        self.reconfigure(config)

    def reconfigure(self, config: Config) -> None:
        """Follow a new configuration."""
        self._config = config
        self._ignore = IgnoreRules(config.ignore, os.fsencode(config.state))

    def submit(self, hint: Hint) -> None:
        """Queue a hint. If too many wait, drop them all: `step` then requests a scan of every root."""
        with self._lock:
            if len(self._hints) >= MAX_WAITING_HINTS:
                self._hints.clear()
                self._overflowed = True
            if not self._hints or self._hints[-1] != hint:
                self._hints.append(hint)
        self._wake.set()

    def step(self) -> None:
        """Wait up to 0.5 s for a hint, let more arrive for 50 ms, then fold and follow them."""
        if not self._wake.wait(0.5):
            return
        time.sleep(FOLD_SECONDS)
        self._wake.clear()
        with self._lock:
            hints, self._hints = self._hints, deque()
            overflowed, self._overflowed = self._overflowed, False
        if overflowed:
            for root in self._config.roots:
                self._rescan(root, "too many changes at once")
        for hint in fold_hints(hints):
            self._follow(hint)
        crash_point("scout.hints")

    def _follow(self, hint: Hint) -> None:
        now = time.time()
        if isinstance(hint, Moved):
            self._follow_moved(hint, now)
        elif self._ignored(hint.path):  # a scan does not apply the ignore rules to its own top directory
            return
        elif isinstance(hint, Rescan):
            self._rescan(hint.path, hint.reason)
        elif isinstance(hint, Dirty):
            self._follow_dirty(hint, now)
        else:
            self._put(partial(record_missing_path, path=hint.path, now=now), hint.path)

    def _follow_dirty(self, hint: Dirty, now: float) -> None:
        status = _stat_or_none(hint.path)
        if status is None or stat.S_ISDIR(status.st_mode):  # a directory may have replaced a file
            self._put(partial(record_missing_path, path=hint.path, now=now), hint.path)
            if status is not None:
                self._rescan(hint.path, "a directory where a file was told")
        else:
            seen = self._sighting(hint.path, status, hint.closed, now)
            self._put(partial(record_sighting, seen=seen, now=now), hint.path)

    def _sighting(self, path: bytes, status: os.stat_result, closed: bool, now: float) -> Sighting:
        watch = self._config.watch
        return make_sighting(path, status, now + (watch.closed_seconds if closed else watch.open_seconds))

    def _follow_moved(self, hint: Moved, now: float) -> None:
        if self._ignored(hint.target):
            self._follow(Vanished(hint.source, hint.directory))
        elif self._ignored(hint.source):
            self._follow(Rescan(hint.target, "moved in") if hint.directory else Dirty(hint.target, closed=True))
        elif hint.directory:
            self._put(partial(_move_directory, source=hint.source, target=hint.target, now=now), hint.source)
            self._rescan(hint.target, "directory moved")
        else:
            status = _stat_or_none(hint.target)
            seen = None if status is None else self._sighting(hint.target, status, True, now)
            change = partial(apply_file_rename, source=hint.source, seen=seen, target=hint.target, now=now)
            self._put(change, hint.source)

    def _put(self, change: Change, path: bytes) -> None:
        """Queue a change. If it fails, a scan of the path's directory finds what the hint said."""
        self._writer.put(lambda database: isolated(database, partial(change, database), partial(self._scan_for, path)))

    def _scan_for(self, path: bytes, problem: str) -> None:
        log.error("not_recorded", path=path, problem=problem)
        self._rescan(os.path.dirname(path), "a change could not be recorded")

    def _ignored(self, path: bytes) -> bool:
        for root in self._config.roots:
            if inside(path, root):
                return self._ignore.ignores_path(path, root)
        return path not in self._config.roots


def fold_hints(hints: deque[Hint]) -> list[Hint]:
    """Keep only the last of several `Dirty` hints for one path, unless a hint of another kind is between them."""
    kept: list[Hint] = []
    dirty: dict[bytes, Dirty] = {}
    for hint in hints:
        if isinstance(hint, Dirty):
            earlier = dirty.pop(hint.path, None)
            dirty[hint.path] = Dirty(hint.path, hint.closed or (earlier is not None and earlier.closed))
        else:
            kept += [*dirty.values(), hint]
            dirty.clear()
    return kept + list(dirty.values())


def _stat_or_none(path: bytes) -> os.stat_result | None:
    try:
        return lstat_or_none(path)
    except OSError:
        return None


def _move_directory(database: Database, source: bytes, target: bytes, now: float) -> None:
    move_directory_rows(database, source, target, now)
    record_missing_path(database, source, now)

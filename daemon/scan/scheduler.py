"""When to scan what, and what follows from a scan. Nothing is taken for gone unless the same mount stood throughout.

Which of the scans that were asked for comes first, and which volumes it concerns. Pure.
"""

import os
import threading
import time
from functools import partial

import structlog

from catalog.config.load import Config
from catalog.crash_points import crash_point
from catalog.files.mass_deletion import record_full_scan
from catalog.files.observe import record_sightings
from catalog.filesystem.ignore import IgnoreRules
from catalog.filesystem.mounts import Mount, read_mounts
from catalog.filesystem.paths import at_or_inside, inside, subtree_range
from catalog.filesystem.volume_identity import VolumeObservation, absence_reason, observe_volume
from catalog.store.database import Database
from catalog.store.volumes import Volume, all_volumes, block_directory, unblock_directory, update_volume
from daemon.scan.missing import MissingFiles
from daemon.scan.volume_monitor import is_same_mount
from daemon.scan.walk import Scan
from daemon.writer import Writer


def next_request(requests: dict[bytes, str]) -> tuple[bytes, str, dict[bytes, str]]:
    """The request to serve next, and what is left once it is: a scan of a tree answers for all below it.

    A tree that is copied in asks for a scan of each of its directories.
    """
    path = min(requests, key=len)
    low, high = subtree_range(path)
    rest = {other: why for other, why in requests.items() if other != path and not low <= other < high}
    return path, requests[path], rest


def volumes_to_scan(rows: list[Volume], path: bytes) -> list[Volume]:
    """The present volumes that hold `path` or lie below it."""
    low, high = subtree_range(path)
    present = [volume for volume in rows if volume.kind != "blocked"]
    holders = [v for v in present if at_or_inside(path, v.path)]
    return [v for v in (*holders[-1:], *(v for v in present if low <= v.path < high)) if v.in_place]


BATCH_SIGHTINGS = 1000  # sightings that go into the catalog at once; the walk waits for them, so that memory stays flat
FIRST_BATCH_SIGHTINGS = 32  # the first ones, so that readers begin at once; then twice as many each time
RETRY_MINUTES = 1.0  # after a scan from which nothing could be concluded
MAX_TRIES = 3  # scans of a volume that changes under them, in a single pass
log = structlog.get_logger()


class Scanner:
    """Runs in one thread. `request` may be called from any."""

    def __init__(self, config: Config, writer: Writer, once: bool) -> None:
        self._database = Database(config.database, write=False)
        self._writer = writer
        self._once = once
        self._lock = threading.Lock()
        self._requests: dict[bytes, str] = {}
        self._next: dict[int, float] = {}
        self._held: set[int] = set()
        self._stop = threading.Event()
        self.wake = threading.Event()
        self.scanning = b""
        self.files = 0
        self.all_scanned = threading.Event()
        self.reconfigure(config)

    def reconfigure(self, config: Config) -> None:
        """Follow a new configuration: other names to ignore, other intervals; everything is scanned again."""
        with self._lock:
            self._config = config
            self._ignore = IgnoreRules(config.ignore, os.fsencode(config.state))
            self._next.clear()
        self.wake.set()

    def request(self, path: bytes, why: str) -> None:
        """Have a subtree scanned soon. Requests for one path fold into one."""
        with self._lock:
            self._requests[path] = why
        self.wake.set()

    def stop(self) -> None:
        """End soon, also in the middle of a walk."""
        self._stop.set()
        self.wake.set()

    @property
    def idle(self) -> bool:
        """Whether every present volume was scanned and no request waits."""
        with self._lock:
            return self.all_scanned.is_set() and not self._requests and not self.scanning

    def step(self) -> None:
        """Scan what is due, then wait for the next request or tick."""
        self.wake.clear()
        self._serve_requests()
        self._serve_timers()
        if not self._stop.is_set():
            self.all_scanned.set()
            self.wake.wait(1.0)

    def _serve_requests(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                if not self._requests:
                    return
                path, why, self._requests = next_request(self._requests)
                self.scanning = path
            for volume in volumes_to_scan(all_volumes(self._database), path):
                self._scan(volume, path if inside(path, volume.path) else volume.path, why)
            self.scanning = b""

    def _serve_timers(self) -> None:
        now = time.monotonic()
        for volume in all_volumes(self._database):
            if volume.kind == "blocked":
                continue
            if volume.id in self._held and not volume.held:
                self._held.discard(volume.id)
                self._next.pop(volume.id, None)  # its owner accepted the loss: say so at once
            if not volume.in_place:
                self._next.pop(volume.id, None)
            elif self._next.get(volume.id, 0.0) <= now:
                why = "timer" if volume.id in self._next else "start"
                for _ in range(MAX_TRIES if self._once else 1):  # the service comes back to it, a single pass does not
                    if self._scan(volume, volume.path, why) or self._stop.is_set():
                        break

    def _scan(self, volume: Volume, top: bytes, why: str) -> bool:
        """Scan one subtree of one volume, and settle when its whole is due again.

        False where nothing could be concluded: then whoever asks is told at once what stands there instead.
        """
        self.scanning = top
        try:
            mounts = read_mounts()
            before = observe_volume(volume.path, mounts)
            done = False
            if not absence_reason(volume.kind, volume.identity, before):
                started = time.monotonic()
                self._reopen(top)
                scan = Scan(
                    self._database, volume.id, self._others(volume, mounts), self._ignore, self._due, self._stop.is_set
                )
                self._walk(scan, top)
                done = self._conclude(scan, volume, top, before)
                _log_scan(scan, top, why, started)
            if top == volume.path or not done:
                self._next[volume.id] = time.monotonic() + 60 * self._minutes(volume, before, done)
            if not done and not self._stop.is_set():
                self._writer.commit(
                    partial(
                        update_volume, volume=volume, seen=observe_volume(volume.path, read_mounts()), now=time.time()
                    )
                )
            return done
        finally:
            self.scanning = b""

    def _minutes(self, volume: Volume, before: VolumeObservation, done: bool) -> float:
        """How long until the next scan of the whole volume. One that is held may be back soon."""
        watch = self._config.watch
        slow = before.remote or volume.id in self._held
        pace = watch.remote_scan_minutes if slow else watch.scan_minutes
        return pace if done else min(pace, RETRY_MINUTES)

    def _others(self, volume: Volume, mounts: list[Mount]) -> frozenset[bytes]:
        """Where the walk has to stop: at other mounts, and at the empty places of those that are away."""
        known = {other.path for other in all_volumes(self._database) if other.kind == "mount"}
        return frozenset(known | {mount.path for mount in mounts}) - {volume.path}

    def _walk(self, scan: Scan, top: bytes) -> None:
        batch, size = [], FIRST_BATCH_SIGHTINGS
        for seen in scan.walk(top):
            batch += seen
            if len(batch) >= size:
                self._writer.commit(partial(record_sightings, batch=batch, now=time.time()))
                batch, size = [], min(2 * size, BATCH_SIGHTINGS)
            crash_point("scan.batch")
            self.files = scan.tally.files
        if batch:
            self._writer.commit(partial(record_sightings, batch=batch, now=time.time()))

    def _conclude(self, scan: Scan, volume: Volume, top: bytes, before: VolumeObservation) -> bool:
        """Write down what is missing and what could not be read, and wait until all of the scan is committed.

        False where nothing follows from the scan: it was told to stop, or the volume changed under it.
        """

        def stands() -> bool:
            return is_same_mount(volume.path, before)

        if self._stop.is_set():
            return False
        if not stands():
            log.warning("volume_changed_during_scan", path=volume.path)
            return False  # a mount that died midway would block each directory that was left
        for path, problem in scan.tally.blocked:
            self._writer.commit(partial(block_directory, path=path, problem=problem, now=time.time()))
        lost = scan.tally.missing + scan.vanished_directories(top)
        crash_point("scan.lost")
        losses = MissingFiles(
            self._database, self._writer, self._config.alarm.missing_percent, stands, self._stop.is_set
        )
        whole = top == volume.path
        row = next((row for row in all_volumes(self._database) if row.id == volume.id), volume)
        if not losses.conclude(row, whole, lost):
            return False
        if whole:
            self._writer.commit(partial(record_full_scan, volume=volume.id, now=time.time()))
        if any(row.held for row in all_volumes(self._database) if row.id == volume.id):
            self._held.add(volume.id)
        else:
            self._held.discard(volume.id)
        return True

    def _reopen(self, top: bytes) -> None:
        """Directories that could not be read before and can be now go back to their volume."""
        low, high = subtree_range(top)
        for volume in all_volumes(self._database):
            inside = volume.path == top or low <= volume.path < high
            if volume.kind == "blocked" and inside and _readable_or_gone(volume.path):
                self._writer.commit(partial(unblock_directory, path=volume.path, now=time.time()))

    def _due(self, found: os.stat_result) -> float:
        """When a sighting may be read: at once, unless it was written so lately that its writer may not be done."""
        now = time.time()
        rest = self._config.watch.open_seconds
        fresh = not self._once and 0 <= now - found.st_ctime_ns / 1e9 < rest
        return now + rest if fresh else now


def _readable_or_gone(path: bytes) -> bool:
    """Readable again, or no longer there: both end a block."""
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                entry.stat(follow_symlinks=False)
                break
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return True


def _log_scan(scan: Scan, top: bytes, why: str, started: float) -> None:
    log.info(
        "scanned",
        path=top,
        why=why,
        files=scan.tally.files,
        directories=scan.tally.directories,
        changed=scan.tally.changed,
        missing=len(scan.tally.missing),
        seconds=round(time.monotonic() - started, 3),
    )

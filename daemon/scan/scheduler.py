"""Schedule scans and act on their results. Files count as gone only if the same mount was in place throughout."""

import os
import threading
import time
from functools import partial

import structlog

from catalog.config.load import Config
from catalog.crash_points import crash_point
from catalog.files.ignored import IGNORED, forget_ignored, ignored_directories, ignored_files, record_ignored_paths
from catalog.files.mass_deletion import record_full_scan
from catalog.files.observe import record_sightings
from catalog.filesystem.ignore import IgnoreRules
from catalog.filesystem.mounts import Mount, read_mounts
from catalog.filesystem.paths import at_or_inside, inside, subtree_range
from catalog.filesystem.volume_identity import VolumeObservation, absence_reason, observe_volume
from catalog.store.database import Database
from catalog.store.volumes import Volume, all_volumes, block_directory, dissolve_volume, update_volume
from daemon.scan.missing import BATCH_PATHS, MissingFiles
from daemon.scan.volume_monitor import is_same_mount
from daemon.scan.walk import Scan, ScanResult
from daemon.writer import Writer

BATCH_SIGHTINGS = 1000  # sightings recorded at once; the walk waits for them, so that memory use stays constant
FIRST_BATCH_SIGHTINGS = 32  # the first batch, so that reading starts at once; each later one is twice as large
RETRY_MINUTES = 1.0  # after a scan that proved nothing
MAX_TRIES = 3  # scans of a volume that changes during each of them, in a single pass
log = structlog.get_logger()


def next_request(requests: dict[bytes, str]) -> tuple[bytes, str, dict[bytes, str]]:
    """Return the path and reason of the next request, and the remaining requests: those below it are answered too.

    A tree that is copied in leads to a request for each of its directories.
    """
    path = min(requests, key=len)
    low, high = subtree_range(path)
    rest = {other: reason for other, reason in requests.items() if other != path and not low <= other < high}
    return path, requests[path], rest


def volumes_to_scan(volumes: list[Volume], path: bytes) -> list[Volume]:
    """Return the innermost volume that contains `path`, and the volumes below it, as far as they are in place.

    `volumes` come outer ones first.
    """
    low, high = subtree_range(path)
    scannable = [volume for volume in volumes if volume.kind != "blocked"]
    containing = [volume for volume in scannable if at_or_inside(path, volume.path)]
    below = [volume for volume in scannable if low <= volume.path < high]
    return [volume for volume in (*containing[-1:], *below) if volume.in_place]


class Scanner:
    """The scanning stage: one thread calls `step`; `request` may be called from any thread.

    `once`: a single pass over everything. `scanning`: the path being scanned, empty if none. `all_scanned` is set once
    every present volume was scanned.
    """

    def __init__(self, config: Config, writer: Writer, once: bool) -> None:
        self._database = Database(config.database, write=False)
        self._writer = writer
        self._once = once
        self._lock = threading.Lock()
        self._requests: dict[bytes, str] = {}
        self._next_scans: dict[int, float] = {}
        self._held_volumes: set[int] = set()
        self._stop = threading.Event()
        self.wake = threading.Event()
        self.scanning = b""
        self.files = 0
        self.all_scanned = threading.Event()
        self.reconfigure(config)

    def reconfigure(self, config: Config) -> None:
        """Follow a new configuration, and scan everything again."""
        with self._lock:
            self._config = config
            self._ignore = IgnoreRules(config.ignore, os.fsencode(config.state))
            self._next_scans.clear()
        self.wake.set()

    def request(self, path: bytes, reason: str) -> None:
        """Request a scan of a subtree. Several requests for one path become one."""
        with self._lock:
            self._requests[path] = reason
        self.wake.set()

    def stop(self) -> None:
        """Stop soon, even in the middle of a walk."""
        self._stop.set()
        self.wake.set()

    @property
    def idle(self) -> bool:
        """Whether every present volume was scanned and no request is waiting."""
        with self._lock:
            return self.all_scanned.is_set() and not self._requests and not self.scanning

    def step(self) -> None:
        """Run the scans that are due, then wait up to a second for the next request."""
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
                path, reason, self._requests = next_request(self._requests)
                self.scanning = path
            for volume in volumes_to_scan(all_volumes(self._database), path):
                self._scan(volume, path if inside(path, volume.path) else volume.path, reason)
            self.scanning = b""

    def _serve_timers(self) -> None:
        now = time.monotonic()
        for volume in all_volumes(self._database):
            if volume.kind == "blocked":
                continue
            if volume.id in self._held_volumes and not volume.held:
                self._held_volumes.discard(volume.id)
                self._next_scans.pop(volume.id, None)  # its owner accepted the loss: scan it at once
            if not volume.in_place:
                self._next_scans.pop(volume.id, None)
            elif self._next_scans.get(volume.id, 0.0) <= now:
                reason = "timer" if volume.id in self._next_scans else "start"
                for _ in range(MAX_TRIES if self._once else 1):  # the service retries later, a single pass does not
                    if self._scan(volume, volume.path, reason) or self._stop.is_set():
                        break

    def _scan(self, volume: Volume, top: bytes, reason: str) -> bool:
        """Scan one subtree of one volume, and set when the whole volume is due again.

        Return False if the scan proved nothing; the volume's row is then updated from what is at its path now.
        """
        self.scanning = top
        try:
            mounts = read_mounts()
            before = observe_volume(volume.path, mounts)
            done = False
            if not absence_reason(volume.kind, volume.identity, before):
                started = time.monotonic()
                self._dissolve_ignored(volume)
                self._unblock_readable(top)
                other_mounts = self._other_mounts(volume, mounts)
                scan = Scan(
                    *(self._database, volume.id, self._root_of(volume), other_mounts, self._ignore),
                    *(self._due, self._stop.is_set),
                )
                self._walk(scan, top)
                done = self._conclude(scan, volume, top, before)
                _log_scan(scan.result, top, reason, started)
            if top == volume.path or not done:
                self._next_scans[volume.id] = time.monotonic() + 60 * self._interval_minutes(volume, before, done)
            if not done and not self._stop.is_set():
                seen = observe_volume(volume.path, read_mounts())
                self._writer.commit(partial(update_volume, volume=volume, seen=seen, now=time.time()))
            return done
        finally:
            self.scanning = b""

    def _interval_minutes(self, volume: Volume, before: VolumeObservation, done: bool) -> float:
        """Return the minutes until the next scan of the whole volume. A held one may be released soon."""
        watch = self._config.watch
        often = before.remote or volume.id in self._held_volumes
        minutes = watch.remote_scan_minutes if often else watch.scan_minutes
        return minutes if done else min(minutes, RETRY_MINUTES)

    def _other_mounts(self, volume: Volume, mounts: list[Mount]) -> frozenset[bytes]:
        """Return where the walk stops: at other mounts, and at the empty mount points of those that are away."""
        known = {other.path for other in all_volumes(self._database) if other.kind != "blocked"}
        return frozenset(known | {mount.path for mount in mounts}) - {volume.path}

    def _walk(self, scan: Scan, top: bytes) -> None:
        batch, size = [], FIRST_BATCH_SIGHTINGS
        for seen in scan.walk(top):
            batch += seen
            if len(batch) >= size:
                self._writer.commit(partial(record_sightings, batch=batch, now=time.time()))
                batch, size = [], min(2 * size, BATCH_SIGHTINGS)
            crash_point("scan.batch")
            self.files = scan.result.files
        if batch:
            self._writer.commit(partial(record_sightings, batch=batch, now=time.time()))

    def _conclude(self, scan: Scan, volume: Volume, top: bytes, before: VolumeObservation) -> bool:
        """Record missing files and unreadable directories, and wait until the whole scan is committed.

        Return False if the scan proves nothing: it was stopped, or the volume changed during it.
        """
        mount_unchanged = partial(is_same_mount, volume.path, before)

        if self._stop.is_set():
            return False
        if not mount_unchanged():
            log.warning("volume_changed_during_scan", path=volume.path)
            return False  # a mount that failed midway would block each remaining directory
        for path, problem in scan.result.blocked:
            self._writer.commit(partial(block_directory, path=path, problem=problem, now=time.time()))
        scan.add_unvisited(top)
        self._record_ignored(scan)  # first, so that none of them counts as missing
        crash_point("scan.lost")
        percent = self._config.alarm.missing_percent
        missing = MissingFiles(self._database, self._writer, percent, mount_unchanged, self._stop.is_set)
        whole = top == volume.path
        current = next((other for other in all_volumes(self._database) if other.id == volume.id), volume)
        if not missing.conclude(current, whole, scan.result.missing):
            return False
        if whole:
            self._forget_ignored(volume)
            self._writer.commit(partial(record_full_scan, volume=volume.id, now=time.time()))
        if any(other.held for other in all_volumes(self._database) if other.id == volume.id):
            self._held_volumes.add(volume.id)
        else:
            self._held_volumes.discard(volume.id)
        return True

    def _root_of(self, volume: Volume) -> bytes:
        return next((root for root in self._config.roots if at_or_inside(volume.path, root)), volume.path)

    def _record_ignored(self, scan: Scan) -> None:
        paths = scan.result.ignored
        for start in range(0, len(paths), BATCH_PATHS):
            if self._writer.commit(partial(record_ignored_paths, paths=paths[start : start + BATCH_PATHS])):
                log.info("ignored", first=paths[start])

    def _forget_ignored(self, volume: Volume) -> None:
        """Declare ignored files gone that a pattern no longer excludes, and that the scan did not find."""
        root = self._root_of(volume)
        stale = [
            id_
            for directory, path in ignored_directories(self._database, volume.id)
            if not self._ignore.ignores_path(path, root)
            for id_, name in ignored_files(self._database, directory)
            if not self._ignore.ignores_name(name)
        ]
        if stale:
            self._writer.commit(partial(forget_ignored, files=stale))

    def _dissolve_ignored(self, outer: Volume) -> None:
        """Return mounts and unreadable directories that a pattern excludes to the volume around them."""
        for volume in all_volumes(self._database):
            is_inner = volume.kind != "root" and inside(volume.path, outer.path)
            if is_inner and self._ignore.ignores_path(volume.path, self._root_of(volume)):
                self._writer.commit(partial(dissolve_volume, path=volume.path, now=time.time(), detail=IGNORED))

    def _unblock_readable(self, top: bytes) -> None:
        """Return directories that could not be read, and can be read now, to their volume."""
        low, high = subtree_range(top)
        for volume in all_volumes(self._database):
            is_inside = volume.path == top or low <= volume.path < high
            if volume.kind == "blocked" and is_inside and _readable_or_gone(volume.path):
                self._writer.commit(partial(dissolve_volume, path=volume.path, now=time.time()))

    def _due(self, status: os.stat_result) -> float:
        """Return when a file may be read: now, unless it changed so recently that it may still be being written."""
        now = time.time()
        delay = self._config.watch.open_seconds
        recent = not self._once and 0 <= now - status.st_ctime_ns / 1e9 < delay
        return now + delay if recent else now


def _readable_or_gone(path: bytes) -> bool:
    """Return whether a blocked directory is readable again or gone: both end the block."""
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


def _log_scan(result: ScanResult, top: bytes, reason: str, started: float) -> None:
    log.info(
        "scanned",
        path=top,
        why=reason,
        files=result.files,
        directories=result.directories,
        changed=result.changed,
        missing=len(result.missing),
        seconds=round(time.monotonic() - started, 3),
    )

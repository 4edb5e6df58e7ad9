"""Reconcile the watcher with the volumes: an absent root is not watched, one that is back is watched and scanned."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import TYPE_CHECKING

import structlog

from catalog.config.load import Config
from catalog.crash_points import crash_point
from catalog.formatting import path_text
from daemon.scan.volume_monitor import VolumeMonitor
from daemon.watch.hints import Hint

if TYPE_CHECKING:
    from catalog.json_types.status import UnwatchedTreeJson, WatchJson
    from daemon.watch.observer import WatchCoverage, Watcher

CHECK_SECONDS = 5.0
log = structlog.get_logger()


class WatchReconciler:
    """One thread calls `step`; `gaps` and `directories`, the number of watched ones, may be read from any thread.

    `gaps`: path and problem of each subtree that the kernel does not watch for us; they are scanned on a timer.
    """

    def __init__(
        self,
        config: Config,
        volumes: VolumeMonitor,
        rescan: Callable[[bytes, str], None],
        submit: Callable[[Hint], None],
    ) -> None:
        self._config = config
        self._volumes = volumes
        self._rescan = rescan
        self._submit = submit
        self._watcher: Watcher | None = None
        self._watched: set[bytes] = set()
        self._next_gap_scan = 0.0
        self._checked_at = 0.0
        self.gaps: list[tuple[bytes, str]] = []
        self.directories = 0

    def start(self, watch: bool) -> None:
        """Watch every root that is present. The first scan comes after, so that no change is missed in between."""
        if not watch:
            return
        from daemon.watch.observer import Watcher

        self._watched = self._volumes.present()
        self._watcher = Watcher(sorted(self._watched), self._submit)
        self._watcher.start()

    def reconfigure(self, config: Config) -> None:
        """Follow a new configuration."""
        self._config = config
        self._volumes.reconfigure(config)
        self._checked_at = 0.0

    def step(self) -> None:
        """Every few seconds, check volumes, threads and watches."""
        if monotonic() - self._checked_at < CHECK_SECONDS:
            sleep(0.2)
            return
        self._checked_at = monotonic()
        crash_point("sentry.step")
        for volume, away in self._volumes.refresh():
            log.warning("volume_away" if away else "volume_present", path=volume.path)
            if not away:
                self._rescan(volume.path, "volume back")
        self._follow_roots()
        if self._watcher is not None:
            self._handle_coverage(self._watcher, self._watcher.check())

    def _follow_roots(self) -> None:
        if self._watcher is None:
            return
        present = self._volumes.present()
        for root in self._watched - present:
            self._watcher.remove(root)
        for root in sorted(present - self._watched):
            self._watcher.add(root)
        self._watched = present

    def _handle_coverage(self, watcher: "Watcher", roots: "list[WatchCoverage]") -> None:
        self.directories = sum(coverage.watched for coverage in roots)
        for coverage in roots:
            if not coverage.alive and coverage.root in self._watched:
                log.warning("watch_lost", path=coverage.root, why=coverage.problem)
                watcher.add(coverage.root)
        gaps = [(path, coverage.problem) for coverage in roots for path in coverage.uncovered]
        if gaps and gaps != self.gaps:
            _, problem = gaps[0]
            log.warning("watch_shortfall", subtrees=len(gaps), why=problem)
        self.gaps = gaps
        if gaps and monotonic() >= self._next_gap_scan:
            self._next_gap_scan = monotonic() + 60 * self._config.watch.remote_scan_minutes
            for path, _ in gaps:
                self._rescan(path, "not watched")

    def status(self) -> "WatchJson":
        """Return the state of the watches for `catalog status`."""
        uncovered: list[UnwatchedTreeJson] = [{"path": path_text(path), "why": why} for path, why in self.gaps]
        return {"directories": self.directories, "uncovered": uncovered}

    def stop(self) -> None:
        """Remove all watches."""
        if self._watcher is not None:
            self._watcher.stop()

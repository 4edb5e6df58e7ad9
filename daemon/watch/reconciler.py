"""Join the watcher and the guard: what is away is not watched, what is back is watched afresh and scanned."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

import structlog

from catalog.client.protocol import UncoveredTree, WatchState
from catalog.config.load import Config
from catalog.crash_points import crash_point
from catalog.formatting import path_text
from daemon.scan.volume_monitor import VolumeMonitor
from daemon.watch.hints import Hint

if TYPE_CHECKING:
    from daemon.watch.observer import WatchCoverage, Watcher

CHECK_SECONDS = 5.0
log = structlog.get_logger()


class WatchGap(NamedTuple):
    """A subtree that the kernel does not watch for us; a timer scans it."""

    path: bytes
    word: str


class WatchReconciler:
    """Runs in one thread; `gaps` may be read from any."""

    def __init__(
        self, config: Config, guard: VolumeMonitor, rescan: Callable[[bytes, str], None], submit: Callable[[Hint], None]
    ) -> None:
        self._config = config
        self._guard = guard
        self._rescan = rescan
        self._submit = submit
        self._watcher: Watcher | None = None
        self._watched: set[bytes] = set()
        self._gap_scan_at = 0.0
        self._checked_at = 0.0
        self.gaps: tuple[WatchGap, ...] = ()
        self.directories = 0

    def start(self, watch: bool) -> None:
        """Begin to watch every root that is present. The first scan comes after, so that nothing falls between."""
        if not watch:
            return
        from daemon.watch.observer import Watcher

        self._watched = self._guard.present()
        self._watcher = Watcher(sorted(self._watched), self._submit)
        self._watcher.start()

    def reconfigure(self, config: Config) -> None:
        """Follow other roots."""
        self._config = config
        self._guard.reconfigure(config)
        self._checked_at = 0.0

    def step(self) -> None:
        """Every few seconds: look at volumes, threads and watches."""
        if monotonic() - self._checked_at < CHECK_SECONDS:
            sleep(0.2)
            return
        self._checked_at = monotonic()
        crash_point("sentry.step")
        for turn in self._guard.refresh():
            log.warning("volume_away" if turn.away else "volume_present", path=turn.volume.path)
            if not turn.away:
                self._rescan(turn.volume.path, "volume back")
        self._follow_roots()
        if self._watcher is not None:
            self._cover(self._watcher.check())

    def _follow_roots(self) -> None:
        if self._watcher is None:
            return
        present = self._guard.present()
        for root in self._watched - present:
            self._watcher.remove(root)
        for root in sorted(present - self._watched):
            self._watcher.add(root)
        self._watched = present

    def _cover(self, found: "list[WatchCoverage]") -> None:
        self.directories = sum(coverage.watched for coverage in found)
        for coverage in found:
            if not coverage.alive and coverage.root in self._watched and self._watcher is not None:
                log.warning("watch_lost", path=coverage.root, why=coverage.word)
                self._watcher.add(coverage.root)
        gaps = tuple(WatchGap(path, coverage.word) for coverage in found for path in coverage.uncovered)
        if gaps and gaps != self.gaps:
            log.warning("watch_shortfall", subtrees=len(gaps), why=gaps[0].word)
        self.gaps = gaps
        if gaps and monotonic() >= self._gap_scan_at:
            self._gap_scan_at = monotonic() + 60 * self._config.watch.remote_scan_minutes
            for gap in gaps:
                self._rescan(gap.path, "not watched")

    def told(self) -> WatchState:
        """What `catalog status` says of the watches."""
        uncovered: list[UncoveredTree] = [{"path": path_text(gap.path), "why": gap.word} for gap in self.gaps]
        return {"directories": self.directories, "uncovered": uncovered}

    def stop(self) -> None:
        """Give all watches back."""
        if self._watcher is not None:
            self._watcher.stop()

"""Run the service in this process: signals, notifications to systemd, reload, and the exit code."""

import gc
import os
import signal
import time
from contextlib import nullcontext
from types import FrameType

import structlog

from catalog import exit_codes
from catalog.client.run_record import recorded_run
from catalog.config.load import Config, load_config
from catalog.errors import CatalogError, ResourceError, StoreError
from catalog.formatting import printable_path
from catalog.store.volumes import volume_remedy
from daemon.host.lock import take_lock
from daemon.host.log import configure_logging
from daemon.host.priority import lower_cpu_priority
from daemon.host.systemd_notify import notify, watchdog_seconds
from daemon.messages import ScrubBudget
from daemon.pass_progress import PassProgress
from daemon.service import Service

POLL_SECONDS = 0.1
ONCE_POLL_SECONDS = 0.01  # during a full pass: somebody waits for its end
STATUS_MAX_AGE_SECONDS = 5.0  # of the text that `systemctl status` shows
log = structlog.get_logger()


class SignalFlags:
    """Received signals, as plain flags.

    A handler runs in the main thread between two bytecodes. If it set an Event that this thread waits on, it would
    deadlock on the lock that its own `wait` holds.
    """

    def __init__(self) -> None:
        self.stop = 0  # the number of the signal that asked for it
        self.reload = False
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop = number

    def _on_reload(self, number: int, frame: FrameType | None) -> None:
        self.reload = True


def run_service(config_file: str | None, *, once: bool, verbose: bool, scrub: ScrubBudget | None = None) -> int:
    """Run until a signal, or with `once` until everything is done; return the exit code. Raises CatalogError."""
    configure_logging(verbose, once)
    config = load_config(config_file)
    lock = take_lock(config.state)
    os.environ["CATALOG_CONFIG"] = str(config.path)
    signals = SignalFlags()
    if not once:
        lower_cpu_priority()
    try:
        recorded = recorded_run(config.state, "pass" if once else "service", time.time)
        with nullcontext() if scrub is not None else recorded:
            service = _run_services(config, once, scrub, signals)
            code = _exit_code(service, signals)
        if code == exit_codes.OK:
            _require_all_present(service)
        return code
    finally:
        os.close(lock)


def _run_services(config: Config, once: bool, scrub: ScrubBudget | None, signals: SignalFlags) -> Service:
    """Run one service after the other, each for another model; return the last."""
    while True:
        service = _run_one_service(config, once, scrub, signals)
        if not service.must_restart:
            return service
        config = service.config
        del service
        gc.unfreeze()  # its objects form cycles that hold the old index: gigabytes for a large collection
        gc.collect()


def _run_one_service(config: Config, once: bool, scrub: ScrubBudget | None, signals: SignalFlags) -> Service:
    """Run one service from start to stop, and return it. If its model changed, another one has to follow."""
    service = Service(config, once, scrub)
    try:
        service.start()
        log.debug("service_started", core_seconds=round(time.process_time(), 3))
        notify("READY=1", f"MAINPID={os.getpid()}")
        gc.freeze()  # objects that exist now live to the end: the collector need not traverse them
        gc.enable()
        _supervise(service, signals, config)
    finally:
        notify("EXTEND_TIMEOUT_USEC=120000000" if service.must_restart else "STOPPING=1\nEXTEND_TIMEOUT_USEC=120000000")
        service.stop()
        log.debug("service_ended", core_seconds=round(time.process_time(), 3))
    return service


def _supervise(service: Service, signals: SignalFlags, config: Config) -> None:
    """Poll until the service has to stop: a signal, a failed stage, another model, or the end of the pass."""
    watchdog = watchdog_seconds()
    notified_at = 0.0
    shown = service.once and service.scrub is None
    with PassProgress(config.database, lambda: service.read_count, service.next_model_progress, shown) as progress:
        while not signals.stop and not service.stages.failed.is_set():
            time.sleep(ONCE_POLL_SECONDS if service.once else POLL_SECONDS)
            progress.update()
            service.observe_progress()
            service.switch_model_if_ready()
            if service.must_restart:
                return
            if service.once and service.is_done():
                return
            if signals.reload or service.reload_requested:
                signals.reload = service.reload_requested = False
                _reload(service, config)
            # Only from here, and only while every stage lives: a watchdog fed by a timer proves nothing.
            if (
                watchdog is not None
                and time.monotonic() - notified_at >= min(watchdog, STATUS_MAX_AGE_SECONDS)
                and not service.stages.dead()
            ):
                notified_at = time.monotonic()
                notify("WATCHDOG=1", f"STATUS={service.read_count} files read since the start")


def _reload(service: Service, config: Config) -> None:
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
    try:
        service.reload(load_config(str(config.path)))
        log.info("reloaded")
    except CatalogError as error:
        log.error("reload_refused", problem=error.problem, remedy=error.remedy)
    notify("READY=1")


def _exit_code(service: Service, signals: SignalFlags) -> int:
    """Return the exit code, or raise the error that ended the service or kept the pass from being complete."""
    error = service.stages.error
    if isinstance(error, CatalogError):
        raise error
    if error is not None:
        raise StoreError(f"a stage failed: {error}", "This is a bug; please report it with the log.") from error
    if signals.stop and service.once:
        return 128 + signals.stop
    if service.once and service.model_error is not None:
        raise service.model_error
    return 0


def _require_all_present(service: Service) -> None:
    """Raise ResourceError for a complete full pass if volumes are away: the first of them, and how to get it back."""
    away = service.volume_monitor.away() if service.once and service.scrub is None else []
    if not away:
        return
    first, others = away[0], f", and {len(away) - 1} more" if len(away) > 1 else ""
    problem = f"{printable_path(first.path)} {'is held' if first.held else 'is away'} ({first.away}){others}"
    raise ResourceError(
        f"{problem}; everything else is done, and nothing is lost", volume_remedy(first.kind, first.held)
    )

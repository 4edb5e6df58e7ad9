"""Run the service in this process: signals, systemd, and its end."""

import gc
import os
import signal
import time
from types import FrameType

import structlog

from catalog.config.load import Config, load_config
from catalog.errors import CatalogError, ResourceError, StoreError
from catalog.formatting import printable_path
from catalog.store.volumes import Volume, volume_remedy
from daemon.host.lock import take_lock
from daemon.host.log import configure_logging
from daemon.host.priority import lower_cpu_priority
from daemon.host.systemd_notify import notify, notify_reloading, watchdog_seconds
from daemon.messages import ScrubBudget
from daemon.pass_progress import PassProgress
from daemon.service import Service

POLL_SECONDS = 0.1
ONCE_POLL_SECONDS = 0.01  # of a pass that somebody waits for the end of
STATUS_MAX_AGE_SECONDS = 5.0  # seconds: how old what `systemctl status` shows may become
log = structlog.get_logger()


class SignalFlags:
    """Signals as plain flags. A handler runs in the main thread between any two of its steps: were it to set an Event
    that this thread waits on, it would wait for ever for the lock that its own wait holds.
    """

    def __init__(self) -> None:
        self.stop = 0  # the number of the signal that asked for it
        self.reload = False
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGHUP, self._reload)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stop = number

    def _reload(self, number: int, frame: FrameType | None) -> None:
        self.reload = True


def run_service(config_file: str | None, *, once: bool, verbose: bool, scrub: ScrubBudget | None = None) -> int:
    """Run until told to stop (or, with `once`, until all is done); returns the exit code. Raises Fault."""
    configure_logging(verbose, once)
    config = load_config(config_file)
    lock = take_lock(config.state)
    os.environ["CATALOG_CONFIG"] = str(config.path)
    signals = SignalFlags()
    if not once:
        lower_cpu_priority()
    try:
        while True:
            service = _run_one_service(config, once, scrub, signals)
            if not service.renewed:
                return _exit_code(service, signals)
            config = service.config
            del service
            gc.unfreeze()  # it refers to itself in circles and holds the old index: gigabytes of a large collection
            gc.collect()
    finally:
        os.close(lock)


def _run_one_service(config: Config, once: bool, scrub: ScrubBudget | None, signals: SignalFlags) -> Service:
    """One service from its start to its end; `renewed` says that another one has to follow, with its model."""
    service = Service(config, once, scrub)
    try:
        service.start()
        log.debug("service_started", core_seconds=round(time.process_time(), 3))
        notify("READY=1", f"MAINPID={os.getpid()}")
        gc.freeze()  # what lives now lives to the end: the collector need not walk it again and again
        gc.enable()
        _supervise(service, signals, config)
    finally:
        notify("EXTEND_TIMEOUT_USEC=120000000" if service.renewed else "STOPPING=1\nEXTEND_TIMEOUT_USEC=120000000")
        service.stop()
        log.debug("service_ended", core_seconds=round(time.process_time(), 3))
    return service


def _supervise(service: Service, signals: SignalFlags, config: Config) -> None:
    beat = watchdog_seconds()
    beaten = 0.0
    with PassProgress(service, shown=service.once and service.scrub is None) as progress:
        while not signals.stop and not service.stages.failed.is_set():
            time.sleep(ONCE_POLL_SECONDS if service.once else POLL_SECONDS)
            progress.update()
            service.renew()
            if service.renewed:
                return
            if service.once and service.settled():
                return
            if signals.reload or service.reload_asked:
                signals.reload = service.reload_asked = False
                _reload(service, config)
            # Only from here, and only while every stage lives: a watchdog that a timer feeds proves nothing.
            if (
                beat is not None
                and time.monotonic() - beaten >= min(beat, STATUS_MAX_AGE_SECONDS)
                and not service.stages.dead()
            ):
                beaten = time.monotonic()
                notify("WATCHDOG=1", f"STATUS={service.done} files read since the start")


def _reload(service: Service, config: Config) -> None:
    notify_reloading()
    try:
        service.reload(load_config(str(config.path)))
        log.info("reloaded")
    except CatalogError as fault:
        log.error("reload_refused", problem=fault.problem, remedy=fault.remedy)
    notify("READY=1")


def _exit_code(service: Service, signals: SignalFlags) -> int:
    fault = service.stages.error
    if isinstance(fault, CatalogError):
        raise fault
    if fault is not None:
        raise StoreError(f"a stage failed: {fault}", "This is a bug; please report it with the log.") from fault
    if signals.stop and service.once:
        return 128 + signals.stop
    if service.once and service.refusal is not None:
        raise service.refusal
    away = service.guard.away() if service.once and service.scrub is None else []
    if away:
        raise _volumes_away_fault(away)
    return 0


def _volumes_away_fault(away: list[Volume]) -> ResourceError:
    """What `--once` ends with while files are out of reach: the first of them, and how to have it back."""
    first, more = away[0], f", and {len(away) - 1} more" if len(away) > 1 else ""
    problem = f"{printable_path(first.path)} {'is held' if first.held else 'is away'} ({first.away}){more}"
    return ResourceError(f"{problem}; the rest was done, nothing was lost", volume_remedy(first.kind, first.held))

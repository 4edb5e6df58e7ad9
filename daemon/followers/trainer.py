"""The trainer: after a change of model, retrain the head by running `catalog train` in a separate process.

Training takes seconds of CPU time, and several times the memory of all labelled vectors; the service must not. A
process that outlives the service does no harm: the head is stored in one transaction.
"""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import structlog

from catalog.config.load import Config
from catalog.crash_points import crash_point
from catalog.heads.retraining import TRAINING_FAILED, DueRetraining, due_retraining
from catalog.python_process import module_command
from catalog.store.database import Database
from catalog.store.events import record_event
from daemon.writer import Writer

CHECK_SECONDS = 2.0
NEW_LABELS_RETRY_SECONDS = 60.0  # after a failed training, if labels were given since
SAME_LABELS_RETRY_SECONDS = 3600.0  # with the same labels: the machine may have been the cause
GRACE_SECONDS = 5.0  # between SIGTERM and SIGKILL
log = structlog.get_logger()


class TrainCommandResult(NamedTuple):
    """The JSON object that `catalog train` printed, or the problem that prevented it."""

    output: dict[str, Any] | None
    problem: str = ""


class FailedTraining(NamedTuple):
    """The last training that failed, and when."""

    due: DueRetraining
    at: float


TrainFunction = Callable[[Config, threading.Event], TrainCommandResult | None]


def run_train_command(config: Config, stop: threading.Event) -> TrainCommandResult | None:
    """Run `catalog train`; terminate it and return None if `stop` is set meanwhile."""
    command = module_command("catalog.cli.main", "--config", os.fspath(config.path), "train", "--json")
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    while True:
        try:
            stdout, stderr = child.communicate(timeout=0.5)
            return _parse_result(child.returncode, stdout, stderr)
        except subprocess.TimeoutExpired:
            if stop.is_set():
                _terminate(child)
                return None


def _terminate(child: subprocess.Popen[str]) -> None:
    child.terminate()
    try:
        child.communicate(timeout=GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()


def _parse_result(exit_status: int, stdout: str, stderr: str) -> TrainCommandResult:
    """Return the object printed on stdout, or the last two lines of stderr as the problem. Pure."""
    if exit_status == 0:
        return TrainCommandResult(json.loads(stdout))
    if exit_status < 0:
        return TrainCommandResult(None, f"signal {-exit_status} ended the training")
    lines = [line.removeprefix("error: ").removeprefix("remedy: ") for line in stderr.strip().splitlines()]
    return TrainCommandResult(None, ". ".join(lines[-2:]) or f"the training ended with exit status {exit_status}")


class Trainer:
    """Runs in one thread; the supervisor reads `training` and `has_work`.

    A failed training is logged, recorded as an event, and tried again; the scores of the old head stay meanwhile.
    `clock`: seconds since the epoch.
    """

    def __init__(
        self,
        config: Config,
        writer: Writer,
        stop: threading.Event,
        train: TrainFunction = run_train_command,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config, self._writer, self._stop = config, writer, stop
        self._train, self._clock = train, clock
        self._database = Database(config.database, write=False)
        self._supervisor_database: Database | None = None
        self._failed: FailedTraining | None = None
        self.training = False

    def step(self) -> None:
        """Train if that is due, then wait until the next check."""
        due = due_retraining(self._database, self._clock())
        if due is not None and may_train(due, self._failed, self._clock()):
            self.training = True
            self._train_head(due)
            self.training = False
        self._stop.wait(CHECK_SECONDS)

    @property
    def has_work(self) -> bool:
        """Whether a training is due that has not failed yet. For the supervisor's thread."""
        if self._supervisor_database is None:
            self._supervisor_database = Database(self._config.database, write=False)
        return self._failed is None and due_retraining(self._supervisor_database, self._clock()) is not None

    def _train_head(self, due: DueRetraining) -> None:
        log.info("training", labels=due.labels, labels_without_vector=due.given - due.labels)
        crash_point("train")
        result = self._train(self._config, self._stop)
        crash_point("trained")
        if result is None:
            return
        if result.output is not None:
            self._failed = None
            log.info("trained", head=result.output["head"], labels=result.output["labels"])
            return
        first_failure = self._failed is None or self._failed.due != due
        self._failed = FailedTraining(due, self._clock())
        log.warning("not_trained", problem=result.problem)
        if first_failure:
            self._writer.put(partial(record_event, now=self._clock(), kind=TRAINING_FAILED, detail=result.problem))


def may_train(due: DueRetraining, failed: FailedTraining | None, now: float) -> bool:
    """Return whether to train now, or wait after a failure. Pure; a clock that was set back ends the wait."""
    if failed is None:
        return True
    wait = SAME_LABELS_RETRY_SECONDS if due == failed.due else NEW_LABELS_RETRY_SECONDS
    return not 0 <= now - failed.at < wait

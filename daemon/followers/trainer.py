"""After a change of model the head is trained anew from the labels, by `catalog train` in a process of its own.

A process, as it takes the processor for seconds and the memory of all labelled vectors a few times over: the service is
to have neither. Were it to outlive us, it would do no harm: the head is stored in one transaction.
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
NEW_LABELS_RETRY_SECONDS = 60.0  # after a training that failed, however many labels are given meanwhile
SAME_LABELS_RETRY_SECONDS = 3600.0  # until the same labels are tried again: what is wrong may be the machine
GRACE_SECONDS = 5.0
log = structlog.get_logger()


class TrainCommandResult(NamedTuple):
    """What `catalog train --json` told, or in words why it told nothing."""

    told: dict[str, Any] | None
    problem: str = ""


TrainFunction = Callable[[Config, threading.Event], TrainCommandResult | None]


def run_train_command(config: Config, stop: threading.Event) -> TrainCommandResult | None:
    """Run `catalog train`; None if it had to be ended, as the service ends."""
    call = module_command("catalog.cli.main", "--config", os.fspath(config.path), "train", "--json")
    child = subprocess.Popen(
        call, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    while True:
        try:
            said, wrong = child.communicate(timeout=0.5)
            return _parse_result(child.returncode, said, wrong)
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


def _parse_result(code: int, said: str, wrong: str) -> TrainCommandResult:
    """What it said, or its last words. Pure."""
    if code == 0:
        return TrainCommandResult(json.loads(said))
    if code < 0:
        return TrainCommandResult(None, f"signal {-code} ended the training")
    lines = [line.removeprefix("error: ").removeprefix("remedy: ") for line in wrong.strip().splitlines()]
    return TrainCommandResult(None, ". ".join(lines[-2:]) or f"the training ended with exit status {code}")


class Trainer:
    """Runs in one thread; `training` and `behind` may be asked by the supervisor.

    What fails is logged, noted and tried again; the scores of the head before stand meanwhile. `clock`: seconds since
    the epoch.
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
        self._asking: Database | None = None
        self._failed: tuple[DueRetraining, float] | None = None
        self.training = False

    def step(self) -> None:
        """Train if that is due, then rest until the next look."""
        found = due_retraining(self._database, self._clock())
        if found is not None and training_due(found, self._failed, self._clock()):
            self.training = True
            self._teach(found)
            self.training = False
        self._stop.wait(CHECK_SECONDS)

    @property
    def behind(self) -> bool:
        """Whether there is a training to be done that did not fail already. For the supervisor's thread."""
        if self._asking is None:
            self._asking = Database(self._config.database, write=False)
        return due_retraining(self._asking, self._clock()) is not None and self._failed is None

    def _teach(self, found: DueRetraining) -> None:
        log.info("training", labels=found.labels, labels_without_vector=found.given - found.labels)
        crash_point("train")
        outcome = self._train(self._config, self._stop)
        crash_point("trained")
        if outcome is None:
            return
        if outcome.told is not None:
            self._failed = None
            log.info("trained", head=outcome.told["head"], labels=outcome.told["labels"])
            return
        fresh = self._failed is None or self._failed[0] != found
        self._failed = found, self._clock()
        log.warning("not_trained", problem=outcome.problem)
        if fresh:
            self._writer.put(partial(record_event, now=self._clock(), kind=TRAINING_FAILED, detail=outcome.problem))


def training_due(found: DueRetraining, failed: tuple[DueRetraining, float] | None, now: float) -> bool:
    """Whether to train now. `failed`: what was tried in vain, and when. Pure; a clock that was set back ends a rest."""
    if failed is None:
        return True
    before, at = failed
    rest = SAME_LABELS_RETRY_SECONDS if found == before else NEW_LABELS_RETRY_SECONDS
    return not 0 <= now - at < rest

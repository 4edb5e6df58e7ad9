"""The worker pool with real processes: outcomes, and the call when all files are read."""

import os
import threading
from pathlib import Path

from catalog.filesystem.stat_signature import signature_of
from catalog.store.database import Database
from daemon.intake.pool import WorkerPool, worker_settings
from daemon.messages import Decoded, ReadTask, WorkerOutcome
from models.recipe import Recipe
from tests.support.running_service import RunningService, picture


class TaskList:
    """A task source with the files in `left`."""

    def __init__(self) -> None:
        self.wake = threading.Event()
        self.left: list[ReadTask] = []

    def take(self) -> ReadTask | None:
        return self.left.pop() if self.left else None


def test_on_idle_is_called_once_when_all_files_are_read(tmp_path: Path) -> None:
    """So that the last decoded images do not wait for more."""
    service, source, outcomes, idle_calls = RunningService(tmp_path), TaskList(), list[WorkerOutcome](), list[int]()
    service.state.mkdir()
    Database(service.config.database, write=True).close()
    given = (source, worker_settings(service.config, 1, Recipe(16, 16)), lambda slot, file: None, 2, 60.0)
    pool = WorkerPool(*given, outcomes.append, lambda: idle_calls.append(len(outcomes)))
    for first in (0, 3):
        for seed in range(first, first + 3):
            path = tmp_path / f"{seed}.png"
            path.write_bytes(picture(seed))
            source.left.append(ReadTask(seed, os.fsencode(path), signature_of(os.stat(path)), 0))
        while len(outcomes) < first + 3 or len(idle_calls) <= first // 3:
            pool.step()
            source.wake.set()  # otherwise it would wait for a task while there is none
        pool.step()
    assert idle_calls == [3, 6]
    assert all(isinstance(outcome, Decoded) for outcome in outcomes)
    stop = threading.Event()
    stop.set()
    pool.run(stop)  # kills the workers

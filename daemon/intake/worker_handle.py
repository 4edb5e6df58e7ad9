"""One worker process as its parent sees it: what it holds, since when, and how it ended."""

import multiprocessing
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from catalog.python_process import forkserver
from daemon.intake.worker import Orders, work
from daemon.messages import Died, Outcome, Task
from models.decode.reason import Reason

DEPTH = 2  # tasks a worker holds: one in work, one ready, so that it never waits for us


class Hand:
    """A process that reads files, one at a time."""

    def __init__(self, slot: int, orders: Orders, hold: Callable[[int, int], None]) -> None:
        self._slot = slot
        self._hold = hold
        context = forkserver()
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=work, args=(theirs, orders), daemon=True)
        self.process.start()
        theirs.close()
        self.tasks: deque[Task] = deque()
        self.ready = False  # until it says so, its end is our fault and not a file's
        self._since = time.monotonic()

    def give(self, task: Task) -> None:
        """Hand it a task. A dead worker takes it too: its end is told by `bury`."""
        if not self.tasks and self.ready:
            self._turn_to(task)
        self.tasks.append(task)
        try:
            self.pipe.send(task)
        except (BrokenPipeError, ConnectionResetError):
            return

    def _turn_to(self, task: Task | None) -> None:
        self._since = time.monotonic()
        self._hold(self._slot, task.file if task else 0)

    def take(self) -> Outcome | None:
        """Its next outcome; None when it only says that it is ready. Raises EOFError once it has ended."""
        try:
            outcome: Outcome | None = self.pipe.recv()
        except OSError as error:
            raise EOFError from error
        if outcome is None:
            self.ready = True
            self._turn_to(self.tasks[0] if self.tasks else None)
            return None
        self.tasks.popleft()
        self._turn_to(self.tasks[0] if self.tasks else None)
        return outcome

    def overdue(self, seconds: float) -> bool:
        """Whether it works on one file for longer than that. One whose answer waits for us is not to blame."""
        return bool(self.tasks) and time.monotonic() - self._since > seconds and not self.pipe.poll()

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()

    def bury(self, slow: bool) -> tuple[Died | None, list[Task]]:
        """After its end: what it died of, if of a file, and the tasks it never began."""
        self.process.join(timeout=10)
        code = self.process.exitcode
        self.pipe.close()
        self._hold(self._slot, 0)
        held = list(self.tasks)
        if not held or not self.ready or (code == 0 and not slow):
            return None, held
        if slow:
            return Died(held[0], Reason.SLOW, "the time limit ended it"), held[1:]
        word = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
        return Died(held[0], Reason.CRASH, word), held[1:]


def wait(pipes: list[Connection], seconds: float) -> list[object]:
    """Pipes that have something to say, or have closed."""
    return list(multiprocessing.connection.wait(pipes, seconds))

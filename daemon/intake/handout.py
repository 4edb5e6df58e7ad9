"""Which files are in somebody's hands: nobody is given one that another still holds."""

import threading

from daemon.messages import Task


class Handout:
    """`held` and `claim` belong to one thread, the rest to any. `wake` is set whenever a file is given back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._out: set[int] = set()
        self.wake = threading.Event()

    def held(self) -> frozenset[int]:
        """Whose files are held now. To be asked before the rows are read that `claim` is given."""
        with self._lock:
            return frozenset(self._out)

    def claim(self, tasks: list[Task], held: frozenset[int]) -> list[Task]:
        """Those of the tasks whose files were free. From now on they are held.

        Not judged by who holds what now: what was given back since the rows were read is done, and its row is old.
        """
        free = [task for task in tasks if task.file not in held]
        with self._lock:
            self._out.update(task.file for task in free)
        return free

    def release(self, file: int) -> None:
        """The outcome for a file is committed, or it was given up for this time: it may be handed out again."""
        with self._lock:
            self._out.discard(file)
        self.wake.set()

    @property
    def out(self) -> int:
        """How many are held."""
        with self._lock:
            return len(self._out)

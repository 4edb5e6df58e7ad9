from catalog.filesystem.stat_signature import Signature
from daemon.intake.queue import TaskQueue
from daemon.messages import ReadTask


def task(file: int) -> ReadTask:
    return ReadTask(file, b"/p/%d" % file, Signature(1, 2, 3, 4), 0)


class NothingDue(TaskQueue):
    """A queue that never finds a task: for its claims."""

    def _fetch(self) -> None:
        self._waiting = []


def test_a_claimed_file_is_not_claimed_again() -> None:
    claims = NothingDue()
    assert claims.claim([task(1), task(2)], claims.claimed()) == [task(1), task(2)]
    assert claims.claim([task(2), task(3)], claims.claimed()) == [task(3)]
    assert claims.claimed_count == 3


def test_a_row_read_before_its_file_was_released_is_not_claimed() -> None:
    claims = NothingDue()
    claims.claim([task(1)], claims.claimed())
    held = claims.claimed()
    claims.release(1)  # its outcome was committed after the rows were read
    assert claims.claim([task(1)], held) == []
    assert claims.wake.is_set() and claims.claimed_count == 0
    assert claims.claim([task(1)], claims.claimed()) == [task(1)]

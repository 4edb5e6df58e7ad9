from catalog.filesystem.stat_signature import Signature
from daemon.intake.queue import ClaimTracker
from daemon.messages import ReadTask


def task(file: int) -> ReadTask:
    return ReadTask(file, b"/p/%d" % file, Signature(1, 2, 3, 4), 0)


def test_nobody_is_given_what_another_holds() -> None:
    handout = ClaimTracker()
    assert handout.claim([task(1), task(2)], handout.held()) == [task(1), task(2)]
    assert handout.claim([task(2), task(3)], handout.held()) == [task(3)]
    assert handout.out == 3


def test_a_row_read_before_its_file_was_given_back_is_old() -> None:
    handout = ClaimTracker()
    handout.claim([task(1)], handout.held())
    held = handout.held()
    handout.release(1)  # its outcome was committed after the rows were read
    assert handout.claim([task(1)], held) == []
    assert handout.wake.is_set() and handout.out == 0
    assert handout.claim([task(1)], handout.held()) == [task(1)]

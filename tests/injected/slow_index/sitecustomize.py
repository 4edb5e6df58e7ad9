"""An index that takes one change at a time, and only so many as a file says. Python imports this from PYTHONPATH."""

import os
import time
from pathlib import Path

import catalog.similarity.index_replay
import catalog.similarity.index_tail
import daemon.followers.index

taken = 0


def _when_told(*given: object) -> tuple[int, int]:
    global taken
    while taken >= int(Path(os.environ["INDEX_MAY_TAKE"]).read_text() or 0):
        time.sleep(0.01)
    seq, applied = catalog.similarity.index_replay.advance(*given)
    taken += applied
    return seq, applied


daemon.followers.index.advance = _when_told
daemon.followers.index.STEP_ROWS = 1
catalog.similarity.index_tail.MAX_TAIL_CHANGES = 10

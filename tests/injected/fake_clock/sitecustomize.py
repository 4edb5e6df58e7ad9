"""A wall clock that is set while processes run: $SET_CLOCK names a file that holds how many seconds it is ahead.

libfaketime is no help here: version 0.9.10 gives the sleep of CPython 3.11 a date before 1970.
"""

import os
import time
from pathlib import Path

TOLD = Path(os.environ["SET_CLOCK"])
true_time = time.time
time.time = lambda: true_time() + float(TOLD.read_text())

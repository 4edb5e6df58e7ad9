"""A decoder gone wrong. Python imports this at the start of every process whose PYTHONPATH leads here.

What goes wrong is in the name of the file that is decoded.
"""

import ctypes
import os
import time
from typing import Any

import numpy as np

import daemon.intake.read_file

decode = daemon.intake.read_file._decode


def _evil(task: Any, *rest: Any) -> Any:
    name = os.path.basename(task.path)
    if name == b"segv.png":
        ctypes.string_at(0)
    if name == b"hang.png":
        time.sleep(1e6)
    grown = []
    while name == b"hog.png":
        grown.append(np.empty(1 << 24, np.uint8))
    return decode(task, *rest)


daemon.intake.read_file._decode = _evil

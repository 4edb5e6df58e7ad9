"""The modules that the forkserver preloads."""

import subprocess
import sys

import pytest

from daemon.intake.forkserver import PRELOAD_MODULES


@pytest.mark.parametrize("module", PRELOAD_MODULES)
def test_every_preloaded_module_can_be_imported(module: str) -> None:
    """multiprocessing's forkserver silently ignores an ImportError, and with it the parent-death signal would be lost.

    In a process of its own: one of the modules ties its process to its parent.
    """
    done = subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_first_preloaded_module_sets_the_parent_death_signal() -> None:
    code = (
        f"import ctypes, {PRELOAD_MODULES[0]}; signal = ctypes.c_int();"
        "ctypes.CDLL(None).prctl(2, ctypes.byref(signal)); print(signal.value)"  # 2: PR_GET_PDEATHSIG, linux/prctl.h
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "9"

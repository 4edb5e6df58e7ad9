"""Idle I/O priority applies to the calling thread only."""

import ctypes
import platform
import threading

import pytest

from daemon.host.priority import IOPRIO_CLASS_IDLE, IOPRIO_WHO_PROCESS, SYS_IOPRIO_SET, set_idle_io_priority

IOPRIO_GET = {"x86_64": 252, "aarch64": 31}


def io_class() -> int:
    return int(ctypes.CDLL(None).syscall(IOPRIO_GET[platform.machine()], IOPRIO_WHO_PROCESS, 0)) >> 13


@pytest.mark.skipif(platform.machine() not in SYS_IOPRIO_SET, reason="no number of the system call for this processor")
def test_only_the_calling_thread_gets_idle_priority() -> None:
    before = io_class()
    seen: list[object] = []

    def body() -> None:
        seen.extend((set_idle_io_priority(), io_class()))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert seen == [True, IOPRIO_CLASS_IDLE]
    assert io_class() == before != IOPRIO_CLASS_IDLE

"""Idle I/O is the thread's own, and nobody else's."""

import ctypes
import platform
import threading

import pytest

from daemon.host.priority import IDLE, IOPRIO_SET, WHO_PROCESS, idle_io

IOPRIO_GET = {"x86_64": 252, "aarch64": 31}


def io_class() -> int:
    return int(ctypes.CDLL(None).syscall(IOPRIO_GET[platform.machine()], WHO_PROCESS, 0)) >> 13


@pytest.mark.skipif(platform.machine() not in IOPRIO_SET, reason="no number of the system call for this processor")
def test_only_the_calling_thread_turns_idle() -> None:
    before = io_class()
    seen: list[object] = []

    def body() -> None:
        seen.extend((idle_io(), io_class()))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert seen == [True, IDLE]
    assert io_class() == before != IDLE

"""Lower CPU and disk priority: background work must not slow down a person at the machine."""

import ctypes
import os
import platform
from contextlib import suppress

SYS_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}  # system call numbers; the C library has no wrapper
IOPRIO_WHO_PROCESS = 1  # with 0: the calling thread
IOPRIO_CLASS_SHIFT, IOPRIO_CLASS_IDLE = 13, 3  # linux/ioprio.h


def lower_cpu_priority() -> None:
    """Lower the CPU priority of the process. Do nothing if that is refused."""
    with suppress(OSError):
        os.nice(5)


def set_idle_io_priority() -> bool:
    """Let the disk serve the calling thread only when idle, see ioprio_set(2); return False if that is not possible.

    I/O schedulers with priority classes (BFQ, mq-deadline) honour it. The CPU priority of the thread is unchanged: a
    thread that holds the interpreter lock and gets no CPU time would stall the whole service.
    """
    number = SYS_IOPRIO_SET.get(platform.machine())
    return (
        number is not None
        and ctypes.CDLL(None).syscall(number, IOPRIO_WHO_PROCESS, 0, IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT) == 0
    )

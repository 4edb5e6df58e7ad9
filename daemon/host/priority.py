"""Background work: a person at the machine comes first, on the processor and at the disk."""

import ctypes
import os
import platform

SYS_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}  # numbers of the system call; the C library has no wrapper
IOPRIO_WHO_PROCESS = 1  # with 0: the calling thread
IOPRIO_CLASS_SHIFT, IOPRIO_CLASS_IDLE = 13, 3  # linux/ioprio.h


def lower_cpu_priority() -> None:
    """Give way on the processor. Harmless where it is refused."""
    try:
        os.nice(5)
    except OSError:
        return


def set_idle_io_priority() -> bool:
    """Have the disk serve the calling thread when nobody else asks, see ioprio_set(2); False where that cannot be had.

    Schedulers that know classes (BFQ, mq-deadline) heed it. The thread's share of the processor stays as it is: one
    that holds the interpreter's lock and is not let on would hold up the whole service.
    """
    number = SYS_IOPRIO_SET.get(platform.machine())
    return (
        number is not None
        and ctypes.CDLL(None).syscall(number, IOPRIO_WHO_PROCESS, 0, IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT) == 0
    )

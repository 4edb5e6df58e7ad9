"""sd_notify: tell systemd how we are. Silent where nobody listens."""

import os
import socket
import time


def notify(*lines: str) -> None:
    """Send one datagram to `$NOTIFY_SOCKET` (path or abstract name), after sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.connect(address)
            sender.sendall("\n".join(lines).encode())
    except OSError:
        return  # a manager that does not listen is no reason to stop guarding


def notify_reloading() -> None:
    """Begin of a reload; `notify("READY=1")` ends it."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def watchdog_seconds() -> float | None:
    """How often systemd wants to hear of us, halved for safety; None if it does not."""
    microseconds = os.environ.get("WATCHDOG_USEC")
    mine = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(microseconds) / 2e6 if microseconds and mine else None

"""Notifications to systemd, after sd_notify(3). Without a listener they do nothing."""

import os
import socket
from contextlib import suppress


def notify(*lines: str) -> None:
    """Send the lines in one datagram to `$NOTIFY_SOCKET`, a path or an abstract name."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    # The service works without a service manager.
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.connect(address)
        sender.sendall("\n".join(lines).encode())


def watchdog_seconds() -> float | None:
    """Return the seconds between watchdog notifications, half of what systemd allows; None if it expects none."""
    microseconds = os.environ.get("WATCHDOG_USEC")
    is_ours = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(microseconds) / 2e6 if microseconds and is_ours else None

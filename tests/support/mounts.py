"""Real mounts; the test is skipped where this user may not mount."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def mounted(target: bytes, *options: str | bytes) -> Iterator[None]:
    """Mount at `target` with options such as ("-t", "tmpfs", "none") or ("--bind", FOLDER)."""
    if os.geteuid() or subprocess.run(["mount", *options, target], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this user may not mount")
    try:
        yield
    finally:
        unmount(target)


def unmount(target: bytes) -> None:
    """Detach the topmost mount at `target`, even while it is in use; do nothing if there is none."""
    subprocess.run(["umount", "-l", target], stderr=subprocess.DEVNULL)

"""Real mounts for tests that may make them; where this user may not, the test is skipped with a word."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def mounted(place: bytes, *how: str | bytes) -> Iterator[None]:
    """What `mount HOW... PLACE` gives, such as ("-t", "tmpfs", "none") or ("--bind", FOLDER)."""
    if os.geteuid() or subprocess.run(["mount", *how, place], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this user may not mount")
    try:
        yield
    finally:
        unmount(place)


def unmount(place: bytes) -> None:
    """Take the topmost mount at a place away, also while somebody looks into it. None there is no error."""
    subprocess.run(["umount", "-l", place], stderr=subprocess.DEVNULL)

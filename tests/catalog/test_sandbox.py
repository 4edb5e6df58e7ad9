"""A child that decodes may crash, hang, grow or fall silent: its parent gets an error."""

import ctypes
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from catalog.config.settings import IntakeSettings
from catalog.embedding.decode_one import decode_one
from catalog.errors import ResourceError, UsageError
from catalog.sandbox import ConfinedError, run_confined
from models.recipe import Recipe
from tests.support.image_samples import specimen

MEMORY = 200_000_000
SECONDS = 30.0
FAILURES: list[tuple[Callable[[], bytes], str]] = [
    (lambda: ctypes.string_at(0), "SIGSEGV"),
    (lambda: bytes(10 * MEMORY), "failed"),
    (lambda: os.close(3) or os._exit(0), "failed"),  # type: ignore[func-returns-value]
]


def test_the_result_is_complete() -> None:
    assert run_confined(lambda: b"x" * 5_000_000, MEMORY, SECONDS) == b"x" * 5_000_000
    assert run_confined(lambda: b"", MEMORY, SECONDS) == b""


@pytest.mark.parametrize(("work", "text"), FAILURES)
def test_the_end_of_a_child_is_reported(work: Callable[[], bytes], text: str) -> None:
    with pytest.raises(ConfinedError, match=text):
        run_confined(work, MEMORY, SECONDS)


def children() -> set[str]:
    return {child for file in Path("/proc/self/task").glob("*/children") for child in file.read_text().split()}


def test_a_child_that_hangs_is_killed_and_reaped() -> None:
    before = children()
    with pytest.raises(ConfinedError, match=r"longer than 0\.2 s"):
        run_confined(lambda: bytes(int(time.sleep(60) or 0)), MEMORY, 0.2)
    assert children() == before  # a zombie would be listed


def test_a_child_cannot_write_files(tmp_path: Path) -> None:
    with pytest.raises(ConfinedError):
        run_confined(lambda: bytes((tmp_path / "new").write_bytes(b"mine")), MEMORY, SECONDS)
    assert not (tmp_path / "new").exists() or (tmp_path / "new").read_bytes() == b""


def test_an_image_is_decoded_and_anything_else_is_refused_with_its_reason(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    good.write_bytes(specimen("png"))
    bad.write_bytes(specimen("png")[:-30])
    recipe, limits = Recipe(16, 16), IntakeSettings()
    assert decode_one(os.fsencode(good), recipe, limits).shape == (16, 16, 3)
    with pytest.raises(UsageError, match="cannot be embedded: "):
        decode_one(os.fsencode(bad), recipe, limits)
    with pytest.raises(ResourceError, match="No such file"):
        decode_one(os.fsencode(tmp_path / "absent"), recipe, limits)
    with pytest.raises(ResourceError, match="not a regular file"):
        decode_one(os.fsencode(tmp_path), recipe, limits)

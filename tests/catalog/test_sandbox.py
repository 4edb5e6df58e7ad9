"""A child that decodes may crash, hang, grow or fall silent: it costs its parent one message."""

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
CLOSED: list[tuple[Callable[[], bytes], str]] = [
    (lambda: ctypes.string_at(0), "SIGSEGV"),
    (lambda: bytes(10 * MEMORY), "failed"),
    (lambda: os.close(3) or os._exit(0), "failed"),  # type: ignore[func-returns-value]
]


def test_the_answer_comes_whole() -> None:
    assert run_confined(lambda: b"x" * 5_000_000, MEMORY, SECONDS) == b"x" * 5_000_000
    assert run_confined(lambda: b"", MEMORY, SECONDS) == b""


@pytest.mark.parametrize(("work", "word"), CLOSED)
def test_a_child_that_dies_is_named(work: Callable[[], bytes], word: str) -> None:
    with pytest.raises(ConfinedError, match=word):
        run_confined(work, MEMORY, SECONDS)


def test_one_that_hangs_is_ended_and_reaped() -> None:
    with pytest.raises(ConfinedError, match=r"longer than 0\.2 s"):
        run_confined(lambda: bytes(int(time.sleep(60) or 0)), MEMORY, 0.2)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # no child is left


def test_it_writes_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfinedError):
        run_confined(lambda: bytes((tmp_path / "new").write_bytes(b"mine")), MEMORY, SECONDS)
    assert not (tmp_path / "new").exists() or (tmp_path / "new").read_bytes() == b""


def test_a_picture_is_decoded_and_anything_else_is_refused_by_name(tmp_path: Path) -> None:
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

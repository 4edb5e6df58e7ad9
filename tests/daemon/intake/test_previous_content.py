"""What the reader of new bytes can tell about the old content, and what the network adds."""

import hashlib
from collections.abc import Callable

import numpy as np
import pytest

from catalog.files.history import NOTHING
from catalog.files.results import Facts
from catalog.filesystem.stat_signature import Signature
from catalog.store.vectors import pack
from catalog.verdict.block_checksums import sums
from catalog.verdict.case import Clues
from daemon.embed.batcher import embed
from daemon.intake.previous_content import Past, Pixels, compare, liken
from daemon.messages import Decoded, Embedded, Task

OLD = bytes(range(256)) * 20


def past(data: bytes = OLD, blocks: bool = True, vector: bytes | None = None) -> Past:
    return Past(7, hashlib.sha256(data).digest(), len(data), sums(data) if blocks else None, vector)


def test_nothing_is_compared_on_first_sight_or_without_a_change() -> None:
    assert compare(None, b"x" * 32, OLD) is NOTHING
    assert compare(past(), hashlib.sha256(OLD).digest(), OLD) is NOTHING


@pytest.mark.parametrize("blocks", [True, False])
def test_what_could_not_be_held_in_memory_is_only_known_to_differ(blocks: bool) -> None:
    assert compare(past(blocks=blocks), b"x" * 32, None) == Clues(past=7)


def test_bytes_are_compared_with_those_that_were() -> None:
    found = compare(past(), b"x" * 32, OLD + b"more")
    assert found.past == 7
    assert found.standing is not None
    assert found.standing.share == 1
    assert found.coded is None


class Corner:
    """A network that looks at one corner's colour: it knows how a picture is turned."""

    def run(self, pixels: Pixels) -> Pixels:
        corners = pixels[:, 0, 0].astype(np.float32)
        return corners / np.linalg.norm(corners, axis=1, keepdims=True)


class Broken(Corner):
    """Fails at more than one picture at once."""

    def run(self, pixels: Pixels) -> Pixels:
        if len(pixels) > 1:
            raise RuntimeError("no memory")
        return super().run(pixels)


def painted() -> Pixels:
    """Red, green, blue and grey corners."""
    corners = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [200, 200, 200]]], np.uint8)
    return corners.repeat(4, axis=0).repeat(4, axis=1)


WAYS: dict[str, Callable[[Pixels], Pixels]] = {
    "quarter": lambda pixels: np.rot90(pixels),
    "half": lambda pixels: np.rot90(pixels, 2),
    "mirrored": lambda pixels: pixels[:, ::-1],
}


def decoded(pixels: Pixels, before: bytes | None) -> Decoded:
    task = Task(1, b"/x", Signature(1, 1, 1, 1), 0, 7)
    return Decoded(task, bytes(32), Facts("png", 8, 8), pixels.tobytes(), None, Clues(past=7), before)


def only(network: Corner, image: Decoded) -> Embedded:
    (found,) = embed(network, [image], (8, 8))
    assert isinstance(found, Embedded)
    return found


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_turned_picture_is_known_again(way: Callable[[Pixels], Pixels]) -> None:
    (before,) = pack(Corner().run(painted()[None]))
    clues = only(Corner(), decoded(np.ascontiguousarray(way(painted())), before)).clues
    assert clues.turned
    assert clues.past == 7
    assert clues.cosine == pytest.approx(1, abs=1e-3)


def test_the_same_way_up_is_not_called_turned() -> None:
    (before,) = pack(Corner().run(painted()[None]))
    clues = only(Corner(), decoded(painted(), before)).clues
    assert (clues.turned, clues.cosine) == (False, pytest.approx(1, abs=1e-3))


def test_pictures_that_are_not_square_are_turned_as_far_as_they_fit() -> None:
    wide = np.concatenate([painted(), painted()], axis=1)
    old = Corner().run(np.ascontiguousarray(wide[::-1])[None])
    clues = liken(Clues(past=7), Corner(), wide, Corner().run(wide[None])[0], pack(old)[0])
    assert clues.turned


@pytest.mark.parametrize("before", [pack(np.eye(3, dtype=np.float32))[2], b"\0\0"])
def test_a_comparison_that_fails_costs_no_vector(before: bytes) -> None:
    found = only(Broken(), decoded(painted(), before))
    assert found.clues == Clues(past=7)
    assert len(found.vector) == 6


def test_a_new_picture_is_embedded_once() -> None:
    assert only(Broken(), decoded(painted(), None)).clues == Clues(past=7)

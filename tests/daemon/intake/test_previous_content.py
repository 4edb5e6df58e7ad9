"""Comparison of new bytes with the previous content, and the cosine that the model adds."""

import hashlib
from collections.abc import Callable

import numpy as np
import pytest

from catalog.files.history import NO_COMPARISON
from catalog.files.results import ImageFacts
from catalog.filesystem.stat_signature import Signature
from catalog.store.vectors import pack_vectors
from catalog.verdict.block_checksums import block_checksums
from catalog.verdict.case import ContentComparison
from daemon.embed.batcher import embed_batch
from daemon.intake.previous_content import Array, PreviousContent, add_cosine, compare_with_previous
from daemon.messages import Decoded, Embedded, ReadTask

OLD = bytes(range(256)) * 20


def previous(data: bytes = OLD, blocks: bool = True, vector: bytes | None = None) -> PreviousContent:
    return PreviousContent(
        7, hashlib.sha256(data).digest(), len(data), block_checksums(data) if blocks else None, vector
    )


def test_new_and_unchanged_files_are_not_compared() -> None:
    assert compare_with_previous(None, b"x" * 32, OLD) is NO_COMPARISON
    assert compare_with_previous(previous(), hashlib.sha256(OLD).digest(), OLD) is NO_COMPARISON


@pytest.mark.parametrize("blocks", [True, False])
def test_a_file_too_large_for_memory_is_only_known_to_differ(blocks: bool) -> None:
    assert compare_with_previous(previous(blocks=blocks), b"x" * 32, None) == ContentComparison(previous=7)


def test_new_bytes_are_compared_with_the_previous_blocks() -> None:
    found = compare_with_previous(previous(), b"x" * 32, OLD + b"more")
    assert found.previous == 7
    assert found.blocks is not None
    assert found.blocks.unchanged_share == 1
    assert found.coded_span is None


class CornerEncoder:
    """An encoder that returns the colour of one corner, and so tells orientations apart."""

    def run(self, pixels: Array) -> Array:
        corners = pixels[:, 0, 0].astype(np.float32)
        return corners / np.linalg.norm(corners, axis=1, keepdims=True)


class OneAtATimeEncoder(CornerEncoder):
    """Fails for more than one image at a time."""

    def run(self, pixels: Array) -> Array:
        if len(pixels) > 1:
            raise RuntimeError("no memory")
        return super().run(pixels)


def four_corners() -> Array:
    """An image with red, green, blue and grey corners."""
    corners = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [200, 200, 200]]], np.uint8)
    return corners.repeat(4, axis=0).repeat(4, axis=1)


ORIENTATIONS: dict[str, Callable[[Array], Array]] = {
    "quarter": lambda pixels: np.rot90(pixels),
    "half": lambda pixels: np.rot90(pixels, 2),
    "mirrored": lambda pixels: pixels[:, ::-1],
}


def decoded(pixels: Array, before: bytes | None) -> Decoded:
    task = ReadTask(1, b"/x", Signature(1, 1, 1, 1), 0, 7)
    return Decoded(
        task, bytes(32), ImageFacts("png", 8, 8), pixels.tobytes(), None, ContentComparison(previous=7), before
    )


def only(encoder: CornerEncoder, image: Decoded) -> Embedded:
    (found,) = embed_batch(encoder, [image], (8, 8))
    assert isinstance(found, Embedded)
    return found


@pytest.mark.parametrize("way", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_a_rotated_or_mirrored_image_is_recognised(way: Callable[[Array], Array]) -> None:
    (before,) = pack_vectors(CornerEncoder().run(four_corners()[None]))
    comparison = only(CornerEncoder(), decoded(np.ascontiguousarray(way(four_corners())), before)).comparison
    assert comparison.reoriented
    assert comparison.previous == 7
    assert comparison.cosine == pytest.approx(1, abs=1e-3)


def test_an_upright_image_is_not_reported_as_turned() -> None:
    (before,) = pack_vectors(CornerEncoder().run(four_corners()[None]))
    comparison = only(CornerEncoder(), decoded(four_corners(), before)).comparison
    assert (comparison.reoriented, comparison.cosine) == (False, pytest.approx(1, abs=1e-3))


def test_images_that_are_not_square_are_compared_in_the_orientations_that_keep_their_shape() -> None:
    wide = np.concatenate([four_corners(), four_corners()], axis=1)
    old = CornerEncoder().run(np.ascontiguousarray(wide[::-1])[None])
    comparison = add_cosine(
        ContentComparison(previous=7), CornerEncoder(), wide, CornerEncoder().run(wide[None])[0], pack_vectors(old)[0]
    )
    assert comparison.reoriented


@pytest.mark.parametrize("before", [pack_vectors(np.eye(3, dtype=np.float32))[2], b"\0\0"])
def test_a_failed_comparison_keeps_the_vector(before: bytes) -> None:
    found = only(OneAtATimeEncoder(), decoded(four_corners(), before))
    assert found.comparison == ContentComparison(previous=7)
    assert len(found.vector) == 6


def test_a_new_image_is_embedded_once() -> None:
    assert only(OneAtATimeEncoder(), decoded(four_corners(), None)).comparison == ContentComparison(previous=7)

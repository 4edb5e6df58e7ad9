"""Procedural pictures: the same for the same seed, and different from each other."""

import numpy as np
import pytest

from tools.default_model.drawing.overlays import overlays
from tools.default_model.drawing.pictures import MIXTURE, canvas_picture, picture, squashed_picture


def test_a_picture_depends_on_seed_and_index_alone() -> None:
    for index in range(24):
        assert np.array_equal(picture(7, index), picture(7, index))


@pytest.mark.slow
def test_pictures_differ() -> None:
    drawn = np.stack([squashed_picture(7, 32, index) for index in range(120)]).reshape(120, -1).astype(np.float32)
    apart = np.abs(drawn[:, None] - drawn[None]).mean(-1)
    np.fill_diagonal(apart, 255)
    assert apart.min() > 0.1, "two pictures are the same"
    assert np.median(apart) > 30


def test_seeds_differ() -> None:
    assert any(not np.array_equal(squashed_picture(7, 32, index), squashed_picture(8, 32, index)) for index in range(4))


def test_pictures_are_of_many_aspects() -> None:
    aspects = {round(drawn.shape[1] / drawn.shape[0], 1) for drawn in (picture(7, index) for index in range(40))}
    assert min(aspects) < 1 < max(aspects) and len(aspects) > 8


def test_every_kind_draws_at_every_shape() -> None:
    for kind, _ in MIXTURE:
        for height, width in ((48, 48), (60, 130), (130, 60)):
            drawn = canvas_picture(kind.__name__, 3, height, width)
            assert drawn.shape == (height, width, 3) and drawn.dtype == np.uint8, kind.__name__


def test_overlays_cover_a_part() -> None:
    drawn = overlays(7, 30, 64)
    covered = (drawn[..., 3] > 0).mean((1, 2))
    assert np.array_equal(drawn, overlays(7, 30, 64))
    assert covered.max() < 0.75 and (covered > 0).mean() > 0.8

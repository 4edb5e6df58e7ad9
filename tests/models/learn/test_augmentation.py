"""Augmented views: what they change, and that nothing is judged by them."""

import numpy as np
from PIL import Image

from models.learn.augmentation import augmented_views
from models.learn.dataset import AugmentedViews, LabelledRows, TrainingData
from models.learn.training import fit_head


def picture(seed: int = 0) -> np.ndarray:
    """Soft colours, so that compression changes little."""
    grid = np.random.default_rng(seed).integers(0, 255, (6, 9, 3), np.uint8)
    return np.asarray(Image.fromarray(grid).resize((90, 60), Image.Resampling.BICUBIC))


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


def test_views_are_mirrored_cut_and_compressed() -> None:
    shown = picture()
    made = augmented_views(shown, 9, np.random.default_rng(0))
    assert len(made) == 9
    assert all(one.shape == shown.shape and one.dtype == np.uint8 and one.flags.c_contiguous for one in made)
    assert (made[0] == shown[:, ::-1]).all() and (made[4] == made[0]).all()
    assert 0 < apart(made[2], shown) < 8  # compressed
    assert apart(made[1], shown) > 8 and apart(made[5], made[1]) > 1  # cut, and the next time elsewhere
    assert apart(made[3][:, ::-1], shown) < apart(made[3], shown)  # mirrored too
    again = augmented_views(shown, 9, np.random.default_rng(0))
    assert all((one == other).all() for one, other in zip(made, again, strict=True))
    assert augmented_views(shown, 0, np.random.default_rng(0)) == []


def test_a_picture_of_one_pixel_has_views() -> None:
    dot = np.full((1, 1, 3), 7, np.uint8)
    assert [one.shape for one in augmented_views(dot, 4, np.random.default_rng(0))] == [(1, 1, 3)] * 4


def test_views_go_where_their_picture_goes() -> None:
    rows = np.arange(8, dtype=np.float32).reshape(4, 2)
    wanted = np.array([0, 1, 0, 1], np.float32)
    of = np.array([3, 1, 3], np.int64)
    material = TrainingData(rows, wanted, AugmentedViews(rows[of] + 100, of))
    learned, labels = material.where(np.array([True, True, False, False]))
    assert learned.tolist() == [[0, 1], [2, 3], [102, 103]]
    assert labels.tolist() == [0, 1, 1]
    assert len(material.whole()[0]) == 7
    assert material.columns(1).where(np.array([False, True, False, False]))[0].tolist() == [[3], [103]]


def test_views_that_know_the_answer_do_not_leak_into_the_figures() -> None:
    """Each picture is noise, its views are all but itself: whoever learned from a view of what is asked would know."""
    dice = np.random.default_rng(1)
    rows = dice.normal(size=(300, 200)).astype(np.float32)
    wanted = (dice.random(300) < 0.4).astype(np.float32)
    of = np.repeat(np.arange(300), 3)
    seen = AugmentedViews((rows[of] + 0.01 * dice.normal(size=(900, 200))).astype(np.float32), of)
    trained = fit_head(LabelledRows(rows, wanted, np.arange(300), np.arange(300.0), 200, seen))
    assert trained.record["views"] == 900 and trained.record["labels"] == 300
    assert trained.record["figures"]["auc"][0] < 0.62
    assert trained.record["newest"]["auc"][0] < 0.7
    assert len(trained.held_out) == 300


def test_views_teach_what_few_labels_do_not() -> None:
    """A direction that views vary is one that does not matter."""
    dice = np.random.default_rng(2)
    rows = dice.normal(size=(60, 40)).astype(np.float32)
    wanted = (rows[:, 0] > 0).astype(np.float32)
    of = np.repeat(np.arange(60), 20)
    varied = rows[of].copy()
    varied[:, 1:] += 3 * dice.normal(size=(1200, 39)).astype(np.float32)
    alone, shown = (
        fit_head(LabelledRows(rows, wanted, np.arange(60), np.arange(60.0), 40, more)).record["figures"]["auc"][0]
        for more in (None, AugmentedViews(varied, of))
    )
    assert shown > alone + 0.05

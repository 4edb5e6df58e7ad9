"""Augmented views: what they change, and that metrics never include them."""

import numpy as np
from PIL import Image

from models.learn.augmentation import augmented_views
from models.learn.dataset import AugmentedViews, LabelledRows, TrainingData
from models.learn.training import fit_head


def smooth_image(seed: int = 0) -> np.ndarray:
    """Soft colours, which compression changes little."""
    grid = np.random.default_rng(seed).integers(0, 255, (6, 9, 3), np.uint8)
    return np.asarray(Image.fromarray(grid).resize((90, 60), Image.Resampling.BICUBIC))


def mean_difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


def test_views_are_mirrored_cropped_and_recompressed() -> None:
    image = smooth_image()
    views = augmented_views(image, 9, np.random.default_rng(0))
    assert len(views) == 9
    assert all(view.shape == image.shape and view.dtype == np.uint8 and view.flags.c_contiguous for view in views)
    mirrored, cropped, recompressed, combined, mirrored_again, cropped_again, *_ = views
    assert (mirrored == image[:, ::-1]).all() and (mirrored_again == mirrored).all()
    assert 0 < mean_difference(recompressed, image) < 8
    assert mean_difference(cropped, image) > 8 and mean_difference(cropped_again, cropped) > 1
    assert mean_difference(combined[:, ::-1], image) < mean_difference(combined, image)
    repeated = augmented_views(image, 9, np.random.default_rng(0))
    assert all((one == other).all() for one, other in zip(views, repeated, strict=True))
    assert augmented_views(image, 0, np.random.default_rng(0)) == []


def test_an_image_of_one_pixel_has_views() -> None:
    pixel = np.full((1, 1, 3), 7, np.uint8)
    assert [view.shape for view in augmented_views(pixel, 4, np.random.default_rng(0))] == [(1, 1, 3)] * 4


def test_views_are_selected_with_their_image() -> None:
    features = np.arange(8, dtype=np.float32).reshape(4, 2)
    labels = np.array([0, 1, 0, 1], np.float32)
    sources = np.array([3, 1, 3], np.int64)
    data = TrainingData(features, labels, AugmentedViews(features[sources] + 100, sources))
    selected, selected_labels = data.select(np.array([True, True, False, False]))
    assert selected.tolist() == [[0, 1], [2, 3], [102, 103]]
    assert selected_labels.tolist() == [0, 1, 1]
    assert len(data.everything()[0]) == 7
    assert data.without_columns(1).select(np.array([False, True, False, False]))[0].tolist() == [[3], [103]]


def test_views_do_not_leak_into_the_metrics() -> None:
    """Images and labels are random, and views nearly equal their image: training on a view of a held-out image would
    reveal its label.
    """
    rng = np.random.default_rng(1)
    features = rng.normal(size=(300, 200)).astype(np.float32)
    labels = (rng.random(300) < 0.4).astype(np.float32)
    sources = np.repeat(np.arange(300), 3)
    views = AugmentedViews((features[sources] + 0.01 * rng.normal(size=(900, 200))).astype(np.float32), sources)
    fitted = fit_head(LabelledRows(features, labels, np.arange(300), np.arange(300.0), 200, views))
    assert fitted.record["views"] == 900 and fitted.record["labels"] == 300
    assert fitted.record["figures"]["auc"][0] < 0.62
    assert fitted.record["newest"]["auc"][0] < 0.7
    assert len(fitted.held_out) == 300


def test_views_help_where_labels_are_few() -> None:
    """Only the first direction matters, and the views vary all others."""
    rng = np.random.default_rng(2)
    features = rng.normal(size=(60, 40)).astype(np.float32)
    labels = (features[:, 0] > 0).astype(np.float32)
    sources = np.repeat(np.arange(60), 20)
    varied = features[sources].copy()
    varied[:, 1:] += 3 * rng.normal(size=(1200, 39)).astype(np.float32)
    without_views, with_views = (
        fit_head(LabelledRows(features, labels, np.arange(60), np.arange(60.0), 40, views)).record["figures"]["auc"][0]
        for views in (None, AugmentedViews(varied, sources))
    )
    assert with_views > without_views + 0.05

"""Training and evaluation of a head, splits without leakage, and the stored format."""

import json
from dataclasses import replace

import numpy as np
import pytest

from models.learn.dataset import LabelledRows, grouped_folds
from models.learn.head import HEADER_LENGTH, MAGIC, Head, HeadError, unpack_head
from models.learn.logistic import fit_logistic
from models.learn.metrics import auc, calibration_error, point_estimate
from models.learn.training import FittedHead, TooFewLabels, fit_head

DIMS = 12


def labelled(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray | None = None, dims: int = DIMS
) -> LabelledRows:
    count = len(features)
    groups = np.arange(count) if groups is None else groups
    times = np.arange(count, dtype=float)
    return LabelledRows(features.astype(np.float32), labels.astype(np.float32), groups, times, dims)


def normal(count: int, seed: int, width: int = DIMS) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width))


def linear_task(count: int = 600, seed: int = 1) -> LabelledRows:
    """Labels from a linear function with noise."""
    features = normal(count, seed)
    noise = np.random.default_rng(seed + 1).normal(size=count)
    return labelled(features, features[:, 0] + features[:, 1] + 0.7 * noise > 0.5)


def ring_task(count: int = 1200, seed: int = 1) -> LabelledRows:
    """Keeps in the middle of two directions and deletes around them, which no linear model can separate."""
    features = normal(count, seed)
    return labelled(features, features[:, 0] ** 2 + features[:, 1] ** 2 > 1.4)


def head_of(fitted: FittedHead) -> Head:
    return fitted.head("m", ("trait",))


def auc_on(head: Head, task: LabelledRows) -> float:
    return point_estimate(auc, task.labels.astype(float), head.p_delete(task.features).astype(float))


def recorded_auc(fitted: FittedHead) -> float:
    return float(fitted.record["figures"]["auc"][0])


def test_separable_labels_do_not_make_the_head_certain() -> None:
    """Keeps and deletes are far apart, and nothing between them was ever labelled."""
    labels = np.arange(120) % 2 == 0
    features = 0.1 * normal(120, 3)
    features[:, 0] += np.where(labels, 1.0, -1.0)
    head = head_of(fit_head(labelled(features, labels)))
    assert auc_on(head, labelled(features, labels)) == 1.0
    between = head.p_delete((0.1 * normal(50, 4)).astype(np.float32))
    assert ((between > 0.02) & (between < 0.98)).all()
    assert 0.9 < np.median(head.p_delete(features[labels].astype(np.float32))) < 0.999


def test_a_linear_preference_is_fitted_by_a_linear_model_with_weights_for_raw_features() -> None:
    fitted = fit_head(linear_task())
    head = head_of(fitted)
    assert fitted.record["kind"] == "line" and head.hidden is None
    assert head.weights.shape == (DIMS,)
    assert auc_on(head, linear_task(seed=50)) > 0.9
    assert recorded_auc(fitted) > 0.9


def test_a_nonlinear_preference_is_fitted_by_a_network() -> None:
    task = ring_task()
    fitted = fit_head(task)
    head = head_of(fitted)
    assert fitted.record["kind"] == "net" and head.hidden is not None
    training = grouped_folds(task.groups, task.labels, 5, 0) != 0
    linear = fit_logistic(task.features[training], task.labels[training], 1.0).logits(task.features[~training])
    assert point_estimate(auc, task.labels[~training].astype(float), linear) < 0.65
    assert recorded_auc(fitted) > 0.9
    assert auc_on(head, ring_task(seed=50)) > 0.9  # on raw features: the scaling is folded in
    assert fitted.record["figures"]["calibration_error"][0] < 0.06


def test_random_labels_do_not_select_the_network() -> None:
    features = normal(300, 3)
    labels = np.random.default_rng(4).random(300) < 0.3
    assert fit_head(labelled(features, labels)).record["kind"] == "line"


@pytest.mark.parametrize("task", [linear_task(), ring_task()], ids=["line", "net"])
def test_a_packed_head_scores_the_same_and_takes_its_columns_in_parts(task: LabelledRows) -> None:
    head = head_of(fit_head(task))
    unpacked = unpack_head(head.pack())
    p_delete = head.p_delete(task.features)
    assert np.array_equal(unpacked.p_delete(task.features), p_delete)
    assert unpacked.record == head.record and unpacked.features == head.features
    assert np.allclose(unpacked.p_delete(task.features[:, :5], task.features[:, 5:]), p_delete, atol=1e-6)
    with pytest.raises(HeadError, match="trained on 12 features, not 11"):
        head.p_delete(task.features[:, 1:])


def with_fields(data: bytes, **changes: object) -> bytes:
    """Replace fields in the header of a packed head."""
    start = len(MAGIC) + HEADER_LENGTH.size
    (length,) = HEADER_LENGTH.unpack_from(data, len(MAGIC))
    fields = json.loads(data[start : start + length]) | changes
    header = json.dumps(fields).encode()
    return MAGIC + HEADER_LENGTH.pack(len(header)) + header + data[start + length :]


def test_damaged_heads_are_refused() -> None:
    data = head_of(fit_head(ring_task())).pack()
    assert unpack_head(with_fields(data))
    damaged = [
        b"", b"\x80\x04pickle", MAGIC, data[:-4], data[:-1], data + b"\0\0\0\0", data[:40],
        with_fields(data, units=0), with_fields(data, units=-1), with_fields(data, units=7),
        with_fields(data, units="x"), with_fields(data, count=0), with_fields(data, count=10**12),
        with_fields(data, features=None),
        data[:-4] + np.float32("nan").tobytes(), data[:-4] + np.float32("inf").tobytes(),
    ]  # fmt: skip
    for one in damaged:
        with pytest.raises(HeadError):
            unpack_head(one)


@pytest.mark.slow
def test_near_duplicates_do_not_leak_between_training_and_evaluation() -> None:
    """Labels are random, but equal for all copies of an image: only a model that has seen a copy can predict them."""
    rng = np.random.default_rng(7)
    groups = np.repeat(np.arange(150), 4)
    features = normal(150, 8, width=300)[groups] + 0.05 * rng.normal(size=(600, 300))
    labels = (rng.random(150) < 0.4)[groups]
    grouped = fit_head(labelled(features, labels, groups, dims=300))
    ungrouped = fit_head(labelled(features, labels, np.arange(600), dims=300))
    assert recorded_auc(ungrouped) > 0.95
    value, low, high = grouped.record["figures"]["auc"]
    assert low < 0.5 + 0.07 and high > 0.43
    assert value < 0.65
    assert grouped.record["newest"]["auc"][0] < 0.75
    folds = grouped_folds(groups, labels.astype(np.float32), 5, 0)
    assert all(len(set(folds[groups == group])) == 1 for group in range(150))


def test_one_scale_for_the_embedding_keeps_its_strong_directions() -> None:
    features = normal(160, 9, width=202)
    features[:, 2:] *= 0.05
    labels = features[:, 0] + features[:, 1] > 0.3
    one_scale, scale_per_column = (recorded_auc(fit_head(labelled(features, labels, dims=dims))) for dims in (202, 0))
    assert one_scale > 0.95 > scale_per_column


def test_too_few_labels_are_counted() -> None:
    labels = np.zeros(30, np.float32)
    labels[:4] = 1
    with pytest.raises(TooFewLabels, match=r"too few labels: 26 keep and 4 delete; still needed: 6 more of delete"):
        fit_head(replace(linear_task(30), labels=labels))


def test_the_calibration_error_of_equal_scores_does_not_depend_on_their_order() -> None:
    labels = np.repeat([0.0, 1.0], [60, 40])
    equal = np.full(100, 0.4)
    assert point_estimate(calibration_error, labels, equal) == pytest.approx(0)
    assert point_estimate(calibration_error, labels[::-1].copy(), equal) == pytest.approx(0)
    assert point_estimate(calibration_error, labels, equal + 0.3) == pytest.approx(0.3)
    assert point_estimate(calibration_error, labels, np.where(labels > 0.5, 0.9, 0.1)) == pytest.approx(0.1)

"""The head as it learns: what it can tell, that copies do not leak, and that its bytes are not trusted."""

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


def labelled(rows: np.ndarray, wanted: np.ndarray, groups: np.ndarray | None = None, dims: int = DIMS) -> LabelledRows:
    count = len(rows)
    apart = np.arange(count) if groups is None else groups
    return LabelledRows(rows.astype(np.float32), wanted.astype(np.float32), apart, np.arange(count, dtype=float), dims)


def points(count: int, seed: int, width: int = DIMS) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width))


def straight(count: int = 600, seed: int = 1) -> LabelledRows:
    """A taste that a line tells, as far as anything can."""
    rows = points(count, seed)
    noise = np.random.default_rng(seed + 1).normal(size=count)
    return labelled(rows, rows[:, 0] + rows[:, 1] + 0.7 * noise > 0.5)


def ring(count: int = 1200, seed: int = 1) -> LabelledRows:
    """What lies in the middle of two directions is kept, all around it is deleted: no line tells that."""
    rows = points(count, seed)
    return labelled(rows, rows[:, 0] ** 2 + rows[:, 1] ** 2 > 1.4)


def head_of(trained: FittedHead) -> Head:
    link = trained.link
    return Head(
        "m", ("trait",), trained.weights, trained.bias, link.floor, link.ceiling,
        trained.keep_below, trained.delete_above, trained.record, trained.hidden,
    )  # fmt: skip


def told(head: Head, task: LabelledRows) -> float:
    return point_estimate(auc, task.wanted.astype(float), head.chances(task.rows).astype(float))


def test_labels_that_part_without_a_fault_make_nobody_certain() -> None:
    """Kept and deleted lie far apart, and nothing between them was ever labelled."""
    wanted = np.arange(120) % 2 == 0
    rows = 0.1 * points(120, 3)
    rows[:, 0] += np.where(wanted, 1.0, -1.0)
    head = head_of(fit_head(labelled(rows, wanted)))
    between = 0.1 * points(50, 4)
    assert told(head, labelled(rows, wanted)) == 1.0
    assert ((head.chances(between.astype(np.float32)) > 0.02) & (head.chances(between.astype(np.float32)) < 0.98)).all()
    assert 0.9 < np.median(head.chances(rows[wanted].astype(np.float32))) < 0.999


def test_a_straight_taste_gets_a_line_and_the_raw_weights_tell_it() -> None:
    trained = fit_head(straight())
    assert trained.record["kind"] == "line" and trained.hidden is None
    assert trained.weights.shape == (DIMS,)
    assert told(head_of(trained), straight(seed=50)) > 0.9
    assert trained.record["figures"]["auc"][0] > 0.9


def test_a_bent_taste_gets_a_network_because_held_out_groups_prove_it() -> None:
    task = ring()
    trained = fit_head(task)
    assert trained.record["kind"] == "net" and trained.hidden is not None
    folds = grouped_folds(task.groups, task.wanted, 5, 0)
    inside = folds != 0
    line = fit_logistic(task.rows[inside], task.wanted[inside], 1.0).logits(task.rows[~inside])
    assert point_estimate(auc, task.wanted[~inside].astype(float), line) < 0.65
    assert trained.record["figures"]["auc"][0] > 0.9
    assert told(head_of(trained), ring(seed=50)) > 0.9  # the scaling is folded in: raw rows, never seen
    assert trained.record["figures"]["calibration_error"][0] < 0.06


def test_chance_is_not_taken_for_a_bent_taste() -> None:
    rows = points(300, 3)
    wanted = np.random.default_rng(4).random(300) < 0.3
    assert fit_head(labelled(rows, wanted)).record["kind"] == "line"


@pytest.mark.parametrize("task", [straight(), ring()], ids=["line", "net"])
def test_a_head_comes_back_from_its_bytes_and_takes_its_columns_in_parts(task: LabelledRows) -> None:
    head = head_of(fit_head(task))
    again = unpack_head(head.pack())
    whole = head.chances(task.rows)
    assert np.array_equal(again.chances(task.rows), whole)
    assert again.record == head.record and again.features == head.features
    assert np.allclose(again.chances(task.rows[:, :5], task.rows[:, 5:]), whole, atol=1e-6)
    with pytest.raises(HeadError, match="11 features, the head knows 12"):
        head.chances(task.rows[:, 1:])


def altered(data: bytes, **changes: object) -> bytes:
    start = len(MAGIC) + HEADER_LENGTH.size
    (length,) = HEADER_LENGTH.unpack_from(data, len(MAGIC))
    said = json.loads(data[start : start + length]) | changes
    header = json.dumps(said).encode()
    return MAGIC + HEADER_LENGTH.pack(len(header)) + header + data[start + length :]


def test_bytes_that_are_no_head_are_refused() -> None:
    data = head_of(fit_head(ring())).pack()
    assert unpack_head(altered(data))
    wrong = [
        b"", b"\x80\x04pickle", MAGIC, data[:-4], data[:-1], data + b"\0\0\0\0", data[:40],
        altered(data, units=0), altered(data, units=-1), altered(data, units=7), altered(data, units="x"),
        altered(data, count=0), altered(data, count=10**12), altered(data, features=None),
        data[:-4] + np.float32("nan").tobytes(), data[:-4] + np.float32("inf").tobytes(),
    ]  # fmt: skip
    for one in wrong:
        with pytest.raises(HeadError):
            unpack_head(one)


def test_near_copies_do_not_leak_between_what_is_learned_and_what_is_asked() -> None:
    """Labels by chance, the same for all copies of a picture: who has seen a copy knows the answer, and nobody else."""
    dice = np.random.default_rng(7)
    groups = np.repeat(np.arange(150), 4)
    rows = points(150, 8, width=300)[groups] + 0.05 * dice.normal(size=(600, 300))
    wanted = (dice.random(150) < 0.4)[groups]
    apart = fit_head(labelled(rows, wanted, groups, dims=300))
    naive = fit_head(labelled(rows, wanted, np.arange(600), dims=300))
    assert naive.record["figures"]["auc"][0] > 0.95
    low, high = apart.record["figures"]["auc"][1:]
    assert low < 0.5 + 0.07 and high > 0.43
    assert apart.record["figures"]["auc"][0] < 0.65
    assert apart.record["newest"]["auc"][0] < 0.75
    folds = grouped_folds(groups, wanted.astype(np.float32), 5, 0)
    assert all(len(set(folds[groups == one])) == 1 for one in range(150))


def test_faint_directions_of_an_embedding_do_not_drown_the_strong_ones() -> None:
    rows = points(160, 9, width=202)
    rows[:, 2:] *= 0.05
    wanted = rows[:, 0] + rows[:, 1] > 0.3
    kept, equal = (fit_head(labelled(rows, wanted, dims=dims)).record["figures"]["auc"][0] for dims in (202, 0))
    assert kept > 0.95 > equal


def test_too_few_labels_are_counted() -> None:
    few = straight(30)
    wanted = np.zeros(30, np.float32)
    wanted[:4] = 1
    with pytest.raises(TooFewLabels, match=r"26 labels say keep and 4 say delete; 6 more of delete"):
        fit_head(replace(few, wanted=wanted))


def test_calibration_of_equal_scores_does_not_hang_on_their_order() -> None:
    wanted = np.repeat([0.0, 1.0], [60, 40])
    even = np.full(100, 0.4)
    assert point_estimate(calibration_error, wanted, even) == pytest.approx(0)
    assert point_estimate(calibration_error, wanted[::-1].copy(), even) == pytest.approx(0)
    assert point_estimate(calibration_error, wanted, even + 0.3) == pytest.approx(0.3)
    assert point_estimate(calibration_error, wanted, np.where(wanted > 0.5, 0.9, 0.1)) == pytest.approx(0.1)

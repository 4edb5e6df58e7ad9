"""Compare the keep/delete head with what it replaces, on the same grouped splits.

    python -m tools.bench.head [--corpus ../shared/corpus] [--rows 25000] [--dims 768] [--epochs 15] [--json]

Tasks (tools.bench.label_tasks): real ones on the corpus, embedded by the default bundle, some of which that model can
hardly see, and synthetic clusters with 3 % of wrong labels and near-duplicate groups. Methods: our head; the script's
network (five linear layers of 2048 without activations, 10.5 million weights, plain SGD; needs PyTorch, left out
without it), the 30 nearest neighbours, and chance. Every figure is of held-out groups, by the folds that our head
uses itself, the mean of --splits of them; our head sees what files tell beside the embedding where the task says so,
the others never.

The script's network learns in batches of 16, which is more than fair: in batches of one, as the script has them, it
takes longer and, at the same rate, learns worse (one fold of the memes: AUC 0.62 instead of 0.996). Of the synthetic
task it is asked one fold of five. Its seconds are those of the script as written: batches of one, so many epochs over
all rows, extrapolated from the first 200. `ECE`: the expected calibration error; `least`: what it would be if every
stated chance were exactly right: so much of it is the small number of rows. The last table plants wrong labels (3 %),
and tells how many of them stand in the first tenth of the doubts, beside those of weights that learned from the true
labels.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.choices.suspect_labels import score_labels
from models.learn.dataset import Integers, LabelledRows, grouped_folds
from models.learn.metrics import auc, average_precision, bootstrap_metrics, calibration_error, point_estimate
from models.learn.training import FOLDS, Doubles, Floats, fit_head
from tools.bench.label_tasks import corpus_tasks, synthetic_task

NEIGHBOURS = 30
SCRIPT_WIDTHS = (2048, 2048, 1024, 256, 1)  # with 768 features: 10.5 million weights
TIMED_STEPS = 200  # steps of one row, from which a training of the script is extrapolated
RESAMPLES = 50
Method = Callable[[Floats, Floats, Floats], Doubles]  # rows and labels to learn from, rows to tell: p_delete
Metrics = dict[str, float]


def nearest_neighbours(rows: Floats, wanted: Floats, asked: Floats) -> Doubles:
    """The share of deleted ones among the nearest."""
    likeness = asked @ rows.T
    nearest = np.argpartition(-likeness, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    return wanted[nearest].mean(1).astype(np.float64)


def script_network(epochs: int, batch: int, steps: int | None = None) -> Method | None:
    """The network of the script that this project replaces; None without PyTorch. `steps`: stop after so many."""
    try:
        import torch
    except ModuleNotFoundError:
        return None

    def method(rows: Floats, wanted: Floats, asked: Floats) -> Doubles:
        torch.manual_seed(0)
        sizes = (rows.shape[1], *SCRIPT_WIDTHS)
        net = torch.nn.Sequential(*(torch.nn.Linear(*pair) for pair in pairwise(sizes)))
        learn = torch.optim.SGD(net.parameters(), lr=0.01)
        given, goal = torch.from_numpy(rows), torch.from_numpy(wanted)[:, None]
        parts = [part for _ in range(epochs) for part in torch.randperm(len(rows)).split(batch)]
        for part in parts[:steps]:
            loss = torch.nn.functional.binary_cross_entropy_with_logits(net(given[part]), goal[part])
            learn.zero_grad()
            loss.backward()
            learn.step()
        with torch.no_grad():
            told: Doubles = torch.sigmoid(net(torch.from_numpy(asked)))[:, 0].double().numpy()
        return told

    return method


def held_out(method: Method, task: LabelledRows, placed: Integers, folds: int = FOLDS) -> Doubles:
    """Predictions for each of the first folds by all others, from the embedding."""
    rows = np.ascontiguousarray(task.features[:, : task.dims])
    chances = np.zeros(len(task.labels))
    for fold in range(folds):
        inside = placed != fold
        chances[~inside] = method(rows[inside], task.labels[inside], rows[~inside])
    return chances


def fold_metrics(task: LabelledRows, chances: Doubles, placed: Integers, folds: int = FOLDS) -> Metrics:
    """AUC and average precision are means over the first folds: what two trainings state need not have one scale, least
    so of the script's. The interval joins those of the folds.
    """
    parts = [_metrics(task, chances, placed == fold) for fold in range(folds)]
    told = mean_metrics(parts)
    half = float(np.sqrt(sum(one["half"] ** 2 for one in parts))) / folds
    asked = placed < folds
    return told | {
        "low": told["auc"] - half,
        "high": told["auc"] + half,
        "ece": point_estimate(calibration_error, task.labels[asked].astype(np.float64), chances[asked]),
        "least": least_calibration_error(chances[asked]),
    }


def _metrics(task: LabelledRows, chances: Doubles, asked: NDArray[np.bool_]) -> Metrics:
    wanted, chances = task.labels[asked].astype(np.float64), chances[asked]
    whole = bootstrap_metrics({"auc": auc}, wanted, chances, task.groups[asked], 0)["auc"]
    precision = point_estimate(average_precision, wanted, chances)
    return {"auc": whole.value, "half": (whole.high - whole.low) / 2, "ap": precision}


def least_calibration_error(chances: Doubles) -> float:
    """The calibration error of chances that are exactly right, of so many rows."""
    dice = np.random.default_rng(0)
    drawn = [(dice.random(len(chances)) < chances).astype(np.float64) for _ in range(RESAMPLES)]
    return float(np.mean([point_estimate(calibration_error, wanted, chances) for wanted in drawn]))


def measure_head(task: LabelledRows, seed: int, folds: int = FOLDS) -> Metrics:
    """A whole training, as `catalog train` does it; its figures, of the first folds."""
    started = time.perf_counter()
    trained = fit_head(task, seed)
    seconds = time.perf_counter() - started
    return fold_metrics(task, trained.held_out, fold_numbers(task, seed), folds) | {
        "ece": trained.record["figures"]["calibration_error"][0],  # by links that had not seen the fold either
        "seconds": seconds,
        "net": float(trained.record["kind"] == "net"),
    }


def fold_numbers(task: LabelledRows, seed: int) -> Integers:
    """The fold of each row, as our head parts them."""
    return grouped_folds(task.groups, task.labels, FOLDS, seed)


def mean_metrics(tables: Sequence[Metrics]) -> Metrics:
    """Of several splits."""
    return {name: float(np.mean([one[name] for one in tables])) for name in tables[0]}


def script_seconds(task: LabelledRows, epochs: int) -> float | None:
    """A training of the script on all rows, in batches of one; None without PyTorch."""
    method, rows = script_network(1, 1, TIMED_STEPS), np.ascontiguousarray(task.features[:, : task.dims])
    if method is None:
        return None
    method(rows[:2], task.labels[:2], rows[:1])  # the first steps pay for starting up
    started = time.perf_counter()
    method(rows, task.labels, rows[:1])
    return (time.perf_counter() - started) / min(TIMED_STEPS, len(rows)) * len(rows) * epochs


def measure(task: LabelledRows, epochs: int, batch: int, splits: int, script_folds: int) -> dict[str, Metrics]:
    """All methods on one task; the script's network on so many folds of each split, 0 = not at all."""
    seeds = range(splits)
    parts = [fold_numbers(task, seed) for seed in seeds]
    even = np.full(len(task.labels), float(task.labels.mean()))
    table = {
        "our head": mean_metrics([measure_head(task, seed) for seed in seeds]),
        "30 nearest": mean_metrics(
            [fold_metrics(task, held_out(nearest_neighbours, task, placed), placed) for placed in parts]
        ),
        "chance": fold_metrics(task, even, parts[0]),
    }
    network, seconds = script_network(epochs, batch), script_seconds(task, epochs) if script_folds else None
    if network is not None and seconds is not None:
        name = "the script's network"
        if script_folds < FOLDS:
            part = f", {script_folds} of {FOLDS}"
            table[f"our head{part}"] = mean_metrics([measure_head(task, seed, script_folds) for seed in seeds])
            name += part
        asked = [held_out(network, task, placed, script_folds) for placed in parts]
        told = [fold_metrics(task, one, placed, script_folds) for one, placed in zip(asked, parts, strict=True)]
        table[name] = mean_metrics(told) | {"seconds": seconds}
    return table


def found_wrong_labels(task: LabelledRows, draws: int, share: float = 0.03) -> Metrics:
    """Turn over a share of the labels of a clean task: how many of them stand in the first tenth of the doubts. `best`:
    by weights that learned from the true labels.
    """
    found: dict[str, list[float]] = {"ours": [], "best": []}
    for draw in range(draws):
        dice = np.random.default_rng(draw)
        wrong = dice.random(len(task.labels)) < share
        turned = np.where(wrong, 1 - task.labels, task.labels).astype(np.float32)
        for name, labels in (("ours", turned), ("best", task.labels)):
            chances = fit_head(LabelledRows(task.features, labels, task.groups, task.times, task.dims)).held_out
            doubted = score_labels([bool(one) for one in turned > 0.5], chances.tolist())
            first = [one.position for one in doubted[: len(doubted) // 10]]
            found[name].append(float(wrong[first].sum() / max(1, wrong.sum())))
    return {name: float(np.mean(shares)) for name, shares in found.items()}


def main() -> None:
    """Print a table a task, or JSON."""
    parser = argparse.ArgumentParser(description="The keep/delete head beside what it replaces.")
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--rows", type=int, default=25_000)
    parser.add_argument("--dims", type=int, default=768)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch", type=int, default=16, help="of the script's network; 1 is as written")
    parser.add_argument("--splits", type=int, default=3, help="of each task of the corpus")
    parser.add_argument("--task", action="append", default=[], help="only those whose names hold this word; repeatable")
    parser.add_argument("--no-script", action="store_true", help="leave the script's network out")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    tasks = corpus_tasks(given.corpus) if given.corpus.is_dir() else {}
    tasks = {name: task for name, task in tasks.items() if any(word in name for word in given.task or [""])}
    network = (given.epochs, given.batch)
    folds = (0, 0) if given.no_script else (FOLDS, 1)
    table = {}
    for name, task in tasks.items():
        table[name] = measure(task, *network, given.splits, folds[0])
        print_task_table(name, table[name], given.json)
    name = f"synthetic, {given.rows:,} rows"
    table[name] = measure(synthetic_task(given.rows, given.dims), *network, 1, folds[1])
    print_task_table(name, table[name], given.json)
    found = {name: found_wrong_labels(task, 5) for name, task in tasks.items()}
    found["synthetic"] = found_wrong_labels(synthetic_task(given.rows, given.dims, wrong=0.0), 1)
    if given.json:
        print(json.dumps({"tasks": table, "planted": found}))
        return
    print(f"\n{'planted wrong labels in the first tenth of the doubts':<56}{'ours':>8}{'best':>8}")
    for name, told in found.items():
        print(f"  {name:<54}{told['ours']:>8.0%}{told['best']:>8.0%}")


def print_task_table(name: str, rows: dict[str, Metrics], silent: bool) -> None:
    """One task's table."""
    if silent:
        return
    print(f"\n{name:<32}{'AUC':>8}{'(95 %)':>16}{'AP':>8}{'ECE':>8}{'least':>8}{'seconds':>10}")
    for method, told in rows.items():
        cells = f"{told['auc']:>8.3f}{told['low']:>8.3f} -{told['high']:>6.3f}"
        cells += "".join(f"{told[column]:>8.3f}" for column in ("ap", "ece", "least"))
        seconds = f"{told['seconds']:>10.1f}" if "seconds" in told else ""
        bent = f"  network in {told['net']:.0%} of splits" if told.get("net") else ""
        print(f"  {method:<30}{cells}{seconds}{bent}", flush=True)


if __name__ == "__main__":
    main()

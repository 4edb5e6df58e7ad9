"""Compare the keep/delete head with the script that it replaces, on the same grouped splits.

    python -m tools.bench.head [--corpus ../shared/corpus] [--rows 25000] [--dims 768] [--epochs 15] [--json]

Tasks (tools.bench.label_tasks): real ones on the corpus, embedded by the default bundle, some of which its vectors
hardly separate, and synthetic clusters with 3 % of wrong labels and near-duplicate groups. Methods: our head; the
script's network (five linear layers of 2048 without activations, 10.5 million weights, plain SGD; needs PyTorch, left
out without it); the 30 nearest neighbours; and chance. Every metric is computed on held-out groups, with the folds of
our head, as the mean of --splits splits. Our head also uses the features of files where the task says so, the others
never do.

The script's network is trained in batches of 16, which favours it: in batches of one, as in the script, it takes longer
and, at the same rate, learns worse (one fold of the memes: AUC 0.62 instead of 0.996). On the synthetic task it is
trained for one fold of five. Its seconds are those of the script as written: batches of one, --epochs epochs over all
rows, extrapolated from the first 200 steps. `ECE`: the expected calibration error; `least`: what it would be if every
stated probability were exactly right, that is, the part due to the small number of rows. The last table plants wrong
labels (3 %) and prints how many of them are in the first tenth of the suspect labels; `best`: by a head that was
trained on the true labels.
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
from models.learn.logistic import Doubles, Floats
from models.learn.metrics import auc, average_precision, bootstrap_metrics, calibration_error, point_estimate
from models.learn.training import FOLDS, fit_head
from tools.bench.harness import CORPUS
from tools.bench.label_tasks import corpus_tasks, synthetic_task

NEIGHBOURS = 30
SCRIPT_WIDTHS = (2048, 2048, 1024, 256, 1)  # with 768 features: 10.5 million weights
TIMED_STEPS = 200  # steps of one row each, from which the script's training time is extrapolated
RESAMPLES = 50
Method = Callable[[Floats, Floats, Floats], Doubles]  # training rows, their labels, query rows: p_delete of the queries
Metrics = dict[str, float]


def nearest_neighbours(rows: Floats, labels: Floats, queries: Floats) -> Doubles:
    """Return the share of deleted images among the nearest rows of each query."""
    similarity = queries @ rows.T
    nearest = np.argpartition(-similarity, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    return labels[nearest].mean(1).astype(np.float64)


def script_network(epochs: int, batch: int, steps: int | None = None) -> Method | None:
    """Return the network of the script that this project replaces; None without PyTorch. `steps`: stop after them."""
    try:
        import torch
    except ModuleNotFoundError:
        return None

    def method(rows: Floats, labels: Floats, queries: Floats) -> Doubles:
        torch.manual_seed(0)
        sizes = (rows.shape[1], *SCRIPT_WIDTHS)
        net = torch.nn.Sequential(*(torch.nn.Linear(*pair) for pair in pairwise(sizes)))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        inputs, targets = torch.from_numpy(rows), torch.from_numpy(labels)[:, None]
        batches = [part for _ in range(epochs) for part in torch.randperm(len(rows)).split(batch)]
        for part in batches[:steps]:
            loss = torch.nn.functional.binary_cross_entropy_with_logits(net(inputs[part]), targets[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            predicted: Doubles = torch.sigmoid(net(torch.from_numpy(queries)))[:, 0].double().numpy()
        return predicted

    return method


def held_out(method: Method, task: LabelledRows, fold_of: Integers, folds: int = FOLDS) -> Doubles:
    """Return p_delete of each row in the first folds, from its embedding, by training on all other folds."""
    rows = np.ascontiguousarray(task.features[:, : task.dims])
    predicted = np.zeros(len(task.labels))
    for fold in range(folds):
        training = fold_of != fold
        predicted[~training] = method(rows[training], task.labels[training], rows[~training])
    return predicted


def fold_metrics(task: LabelledRows, predicted: Doubles, fold_of: Integers, folds: int = FOLDS) -> Metrics:
    """Return the metrics over the first folds, with a confidence interval of the AUC.

    AUC and average precision are means over folds: two trainings need not share a scale, those of the script do not.
    """
    parts = [_metrics(task, predicted, fold_of == fold) for fold in range(folds)]
    means = mean_metrics(parts)
    half = float(np.sqrt(sum(part["half"] ** 2 for part in parts))) / folds
    tested = fold_of < folds
    labels = task.labels[tested].astype(np.float64)
    return means | {
        "low": means["auc"] - half,
        "high": means["auc"] + half,
        "ece": point_estimate(calibration_error, labels, predicted[tested]),
        "least": ideal_calibration_error(predicted[tested]),
    }


def _metrics(task: LabelledRows, predicted: Doubles, tested: NDArray[np.bool_]) -> Metrics:
    labels, predicted = task.labels[tested].astype(np.float64), predicted[tested]
    interval = bootstrap_metrics({"auc": auc}, labels, predicted, task.groups[tested], 0)["auc"]
    precision = point_estimate(average_precision, labels, predicted)
    return {"auc": interval.value, "half": (interval.high - interval.low) / 2, "ap": precision}


def ideal_calibration_error(predicted: Doubles) -> float:
    """Return the mean calibration error of labels drawn with exactly the predicted probabilities."""
    rng = np.random.default_rng(0)
    draws = [(rng.random(len(predicted)) < predicted).astype(np.float64) for _ in range(RESAMPLES)]
    return float(np.mean([point_estimate(calibration_error, labels, predicted) for labels in draws]))


def measure_head(task: LabelledRows, seed: int, folds: int = FOLDS) -> Metrics:
    """Train as `catalog train` does; return the metrics over the first folds."""
    started = time.perf_counter()
    trained = fit_head(task, seed)
    seconds = time.perf_counter() - started
    return fold_metrics(task, trained.held_out, fold_numbers(task, seed), folds) | {
        "ece": trained.record["figures"]["calibration_error"][0],  # by links fitted without the fold, too
        "seconds": seconds,
        "net": float(trained.record["kind"] == "net"),
    }


def fold_numbers(task: LabelledRows, seed: int) -> Integers:
    """Return the fold of each row, as our head splits them."""
    return grouped_folds(task.groups, task.labels, FOLDS, seed)


def mean_metrics(tables: Sequence[Metrics]) -> Metrics:
    """Return the mean of each metric."""
    return {name: float(np.mean([table[name] for table in tables])) for name in tables[0]}


def script_seconds(task: LabelledRows, epochs: int) -> float | None:
    """Return the seconds of the script's training on all rows in batches of one; None without PyTorch."""
    method, rows = script_network(1, 1, TIMED_STEPS), np.ascontiguousarray(task.features[:, : task.dims])
    if method is None:
        return None
    method(rows[:2], task.labels[:2], rows[:1])  # warm-up
    started = time.perf_counter()
    method(rows, task.labels, rows[:1])
    return (time.perf_counter() - started) / min(TIMED_STEPS, len(rows)) * len(rows) * epochs


def measure(task: LabelledRows, epochs: int, batch: int, splits: int, script_folds: int) -> dict[str, Metrics]:
    """Measure all methods on one task; the script's network on `script_folds` folds of each split, 0 for none."""
    seeds = range(splits)
    folds_by_split = [fold_numbers(task, seed) for seed in seeds]
    constant = np.full(len(task.labels), float(task.labels.mean()))
    table = {
        "our head": mean_metrics([measure_head(task, seed) for seed in seeds]),
        "30 nearest": mean_metrics(
            [fold_metrics(task, held_out(nearest_neighbours, task, fold_of), fold_of) for fold_of in folds_by_split]
        ),
        "chance": fold_metrics(task, constant, folds_by_split[0]),
    }
    network, seconds = script_network(epochs, batch), script_seconds(task, epochs) if script_folds else None
    if network is not None and seconds is not None:
        name = "the script's network"
        if script_folds < FOLDS:
            part = f", {script_folds} of {FOLDS}"
            table[f"our head{part}"] = mean_metrics([measure_head(task, seed, script_folds) for seed in seeds])
            name += part
        metrics = [
            fold_metrics(task, held_out(network, task, fold_of, script_folds), fold_of, script_folds)
            for fold_of in folds_by_split
        ]
        table[name] = mean_metrics(metrics) | {"seconds": seconds}
    return table


def found_wrong_labels(task: LabelledRows, draws: int, share: float = 0.03) -> Metrics:
    """Flip a share of the labels; return how many of them are in the first tenth of the suspect labels.

    `best`: by a head that was trained on the true labels.
    """
    found: dict[str, list[float]] = {"ours": [], "best": []}
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        wrong = rng.random(len(task.labels)) < share
        flipped = np.where(wrong, 1 - task.labels, task.labels).astype(np.float32)
        for name, labels in (("ours", flipped), ("best", task.labels)):
            predicted = fit_head(LabelledRows(task.features, labels, task.groups, task.times, task.dims)).held_out
            suspects = score_labels((flipped > 0.5).tolist(), predicted.tolist())
            first_tenth = [suspect.position for suspect in suspects[: len(suspects) // 10]]
            found[name].append(float(wrong[first_tenth].sum() / max(1, wrong.sum())))
    return {name: float(np.mean(shares)) for name, shares in found.items()}


def main() -> None:
    """Print a table per task, or JSON."""
    parser = argparse.ArgumentParser(description="The keep/delete head against the script that it replaces.")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--rows", type=int, default=25_000)
    parser.add_argument("--dims", type=int, default=768)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch", type=int, default=16, help="of the script's network; 1 as in the script")
    parser.add_argument("--splits", type=int, default=3, help="of each corpus task")
    parser.add_argument("--task", action="append", default=[], help="only tasks whose name contains this; repeatable")
    parser.add_argument("--no-script", action="store_true", help="leave the script's network out")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tasks = corpus_tasks(options.corpus) if options.corpus.is_dir() else {}
    tasks = {name: task for name, task in tasks.items() if any(part in name for part in options.task or [""])}
    network = (options.epochs, options.batch)
    folds = (0, 0) if options.no_script else (FOLDS, 1)
    table = {}
    for name, task in tasks.items():
        table[name] = measure(task, *network, options.splits, folds[0])
        print_task_table(name, table[name], options.json)
    name = f"synthetic, {options.rows:,} rows"
    table[name] = measure(synthetic_task(options.rows, options.dims), *network, 1, folds[1])
    print_task_table(name, table[name], options.json)
    found = {name: found_wrong_labels(task, 5) for name, task in tasks.items()}
    found["synthetic"] = found_wrong_labels(synthetic_task(options.rows, options.dims, wrong=0.0), 1)
    if options.json:
        print(json.dumps({"tasks": table, "planted": found}))
        return
    print(f"\n{'planted wrong labels in the first tenth of the suspects':<56}{'ours':>8}{'best':>8}")
    for name, shares in found.items():
        print(f"  {name:<54}{shares['ours']:>8.0%}{shares['best']:>8.0%}")


def print_task_table(name: str, table: dict[str, Metrics], as_json: bool) -> None:
    """Print one task's table, unless the output is JSON."""
    if as_json:
        return
    print(f"\n{name:<32}{'AUC':>8}{'(95 %)':>16}{'AP':>8}{'ECE':>8}{'least':>8}{'seconds':>10}")
    for method, metrics in table.items():
        cells = f"{metrics['auc']:>8.3f}{metrics['low']:>8.3f} -{metrics['high']:>6.3f}"
        cells += "".join(f"{metrics[column]:>8.3f}" for column in ("ap", "ece", "least"))
        seconds = f"{metrics['seconds']:>10.1f}" if "seconds" in metrics else ""
        network = f"  network in {metrics['net']:.0%} of splits" if metrics.get("net") else ""
        print(f"  {method:<30}{cells}{seconds}{network}", flush=True)


if __name__ == "__main__":
    main()

"""Compare the keep/delete head with what it replaces, on the same grouped splits.

    python -m tools.bench_head [--corpus ../shared/corpus] [--rows 25000] [--dims 768] [--epochs 15] [--json]

Tasks: real ones on the corpus, embedded by the default bundle (photos kept, memes and screenshots deleted; then,
among photos alone, the reddest half, the most detailed half, the portraits: harder, and some of them hardly to be
seen by that model), and synthetic clusters with 3 % of wrong labels and near-duplicate groups. Methods: our head; the
script's network (five linear layers of 2048 without activations, 10.5 million weights, plain SGD; batches of 16,
since batches of one, as the script has them, take eight times as long; needs PyTorch, left out without it), the 30
nearest neighbours, and chance. Every figure is of held-out groups, by the folds that our head uses itself. Seconds
are of training once on all rows, for the script's network one epoch measured and multiplied by --epochs.
"""

import argparse
import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catalog.alike import groups as near_groups
from models.bundle import default_folder, load_bundle
from models.detail import detail
from models.folds import grouped
from models.judging import auc, average_precision, calibration_error, simply
from models.picture import read_picture
from models.reason import Unfit
from models.session import Session
from models.training import FOLDS, Labelled, train

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
NEIGHBOURS = 30
OURS = ("auc", "average_precision", "calibration_error")
WIDTHS = (2048, 2048, 1024, 256, 1)  # with 768 features: 10.5 million weights
Method = Callable[[Floats, Floats, Floats], Doubles]  # rows and labels to learn from, rows to tell: p_delete


def synthetic(rows: int, dims: int, seed: int = 0, wrong: float = 0.03) -> Labelled:
    """Clusters with a taste of their own, half of the rows in groups of near duplicates, some labels turned over."""
    dice = np.random.default_rng(seed)
    group = np.concatenate([dice.integers(0, 3 * rows // 20, rows // 2), rows + np.arange(rows - rows // 2)])
    _, group = np.unique(group, return_inverse=True)
    cluster = dice.integers(0, 40, group.max() + 1)
    base = dice.normal(size=(40, dims))[cluster] + 1.2 * dice.normal(size=(len(cluster), dims))
    made = base[group] + 0.25 * dice.normal(size=(rows, dims))
    taste = 1.3 * dice.normal(size=40)[cluster][group] + 3 * (base @ dice.normal(size=dims))[group] / np.sqrt(dims)
    wanted = taste > np.quantile(taste, 5 / 6)
    wanted ^= dice.random(rows) < wrong
    unit = made / np.linalg.norm(made, axis=1, keepdims=True)
    extra = dice.normal(size=(rows, 4))
    features = np.hstack([unit, extra]).astype(np.float32)
    return Labelled(features, wanted.astype(np.float32), group.astype(np.int64), np.arange(rows, dtype=float), dims)


def corpus_tasks(corpus: Path) -> dict[str, Labelled]:
    """Real pictures under several tastes."""
    bundle = load_bundle(default_folder())
    session = Session(bundle, provider="cpu")
    pixels, sets, facts = [], [], []
    for name in ("photo", "meme", "screenshot"):
        for path in sorted((corpus / name).rglob("*")):
            try:
                found = read_picture(path.read_bytes(), bundle.recipe)
            except (OSError, Unfit):
                continue
            mean = found.pixels.reshape(-1, 3).mean(0)
            facts.append((mean[0] - mean[2], detail(Image.fromarray(found.pixels)), found.height > found.width))
            pixels.append(found.pixels)
            sets.append(name)
    vectors = session.run(np.stack(pixels))
    told, names = np.array(facts, np.float32), np.array(sets)
    photos = names == "photo"
    red, sharp = (told[photos, place] > np.median(told[photos, place]) for place in (0, 1))
    return {
        "memes and screenshots": _task(vectors, names != "photo", bundle.near_duplicate_cosine),
        "the redder photos": _task(vectors[photos], red, bundle.near_duplicate_cosine),
        "the more detailed photos": _task(vectors[photos], sharp, bundle.near_duplicate_cosine),
        "the portraits": _task(vectors[photos], told[photos, 2] > 0.5, bundle.near_duplicate_cosine),
    }


def _task(vectors: Floats, wanted: NDArray[np.bool_], near: float) -> Labelled:
    rows = np.hstack([vectors, np.zeros((len(vectors), 1), np.float32)])
    times = np.arange(len(vectors), dtype=float)
    return Labelled(rows, wanted.astype(np.float32), near_groups(vectors, near), times, vectors.shape[1])


def neighbours(rows: Floats, wanted: Floats, asked: Floats) -> Doubles:
    """The share of deleted ones among the nearest."""
    likeness = asked @ rows.T
    nearest = np.argpartition(-likeness, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    return wanted[nearest].mean(1).astype(np.float64)


def script(epochs: int, batch: int = 16) -> Method | None:
    """The network of the script that this project replaces; None without PyTorch."""
    try:
        import torch
    except ModuleNotFoundError:
        return None

    def method(rows: Floats, wanted: Floats, asked: Floats) -> Doubles:
        torch.manual_seed(0)
        sizes = (rows.shape[1], *WIDTHS)
        net = torch.nn.Sequential(*(torch.nn.Linear(*pair) for pair in pairwise(sizes)))
        learn = torch.optim.SGD(net.parameters(), lr=0.01)
        given, goal = torch.from_numpy(rows), torch.from_numpy(wanted)[:, None]
        for _ in range(epochs):
            for part in torch.randperm(len(rows)).split(batch):
                loss = torch.nn.functional.binary_cross_entropy_with_logits(net(given[part]), goal[part])
                learn.zero_grad()
                loss.backward()
                learn.step()
        with torch.no_grad():
            told: Doubles = torch.sigmoid(net(torch.from_numpy(asked)))[:, 0].double().numpy()
        return told

    return method


def held_out(method: Method, task: Labelled) -> Doubles:
    """Predictions for each fold by the others."""
    folds = grouped(task.groups, task.wanted, FOLDS, 0)
    chances = np.zeros(len(task.wanted))
    for fold in range(FOLDS):
        inside = folds != fold
        chances[~inside] = method(task.rows[inside], task.wanted[inside], task.rows[~inside])
    return chances


def figures(task: Labelled, chances: Doubles, seconds: float) -> dict[str, float]:
    """AUC, average precision, expected calibration error, seconds."""
    wanted = task.wanted.astype(np.float64)
    measures = {"auc": auc, "average precision": average_precision, "calibration error": calibration_error}
    return {name: simply(measure, wanted, chances) for name, measure in measures.items()} | {"seconds": seconds}


def measure(task: Labelled, epochs: int, with_script: bool) -> dict[str, dict[str, float]]:
    """All methods on one task."""
    started = time.perf_counter()
    trained = train(task)
    ours = time.perf_counter() - started
    told = trained.record["figures"]
    table = {"our head": {name.replace("_", " "): told[name][0] for name in OURS} | {"seconds": ours}}
    table["30 nearest"] = figures(task, held_out(neighbours, task), 0.0)
    once = script(1) if with_script else None
    whole = script(epochs)
    if once is not None and whole is not None:
        started = time.perf_counter()
        once(task.rows, task.wanted, task.rows[:1])
        seconds = epochs * (time.perf_counter() - started)
        table["the script's network"] = figures(task, held_out(whole, task), seconds)
    table["chance"] = figures(task, np.full(len(task.wanted), float(task.wanted.mean())), 0.0)
    return table


def planted(task: Labelled, share: float = 0.03) -> float:
    """Turn over a share of the labels of a clean task; how many of them stand in the first tenth of the doubts."""
    dice = np.random.default_rng(1)
    wrong = dice.random(len(task.wanted)) < share
    turned = np.where(wrong, 1 - task.wanted, task.wanted).astype(np.float32)
    trained = train(Labelled(task.rows, turned, task.groups, task.times, task.dims))
    doubt = np.where(turned > 0.5, 1 - trained.held_out, trained.held_out)
    first = np.argsort(-doubt)[: len(doubt) // 10]
    return float(wrong[first].sum() / max(1, wrong.sum()))


def main() -> None:
    """Print a table a task, or JSON."""
    parser = argparse.ArgumentParser(description="The keep/delete head beside what it replaces.")
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--rows", type=int, default=25_000)
    parser.add_argument("--dims", type=int, default=768)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--no-script", action="store_true", help="leave the script's network out of the synthetic task")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    tasks = corpus_tasks(given.corpus) if given.corpus.is_dir() else {}
    table: dict[str, Any] = {name: measure(task, given.epochs, True) for name, task in tasks.items()}
    made = synthetic(given.rows, given.dims)
    table[f"synthetic, {given.rows:,} rows"] = measure(made, given.epochs, not given.no_script)
    found = {name: planted(task) for name, task in tasks.items() if name.startswith("memes")}
    found["synthetic"] = planted(synthetic(given.rows, given.dims, wrong=0.0))
    if given.json:
        print(json.dumps({"tasks": table, "planted labels found in a tenth": found}))
        return
    for name, rows in table.items():
        print(f"\n{name}\n{'':<22}{'AUC':>8}{'AP':>8}{'ECE':>8}{'seconds':>10}")
        for method, told in rows.items():
            print(
                f"  {method:<20}"
                + "".join(f"{value:>8.3f}" for value in list(told.values())[:3])
                + f"{told['seconds']:>10.2f}"
            )
    for name, share in found.items():
        print(f"\nplanted wrong labels found in the first tenth of the doubts, {name}: {share:.0%}")


if __name__ == "__main__":
    main()

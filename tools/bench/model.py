"""Measure how often a bundle finds the original of a changed image, against pHash and dHash, and how fast it runs.

    python -m tools.bench.model [--corpus ../shared/corpus] [--bundle models/default] [--json]

Every file of the sets is an entry of the database. The queries are 19 changes of each file, made on a copy of at most
512 pixels. recall@1 is the share of queries whose nearest entry is their original; one of n tied entries counts 1/n.
"model" is the vector alone; "similar" is `catalog similar`: the nearest entries, reranked where several are about
equally near, with those first that match the query after alignment. Files that Pillow cannot decode and files with
equal bytes are left out and counted.
"""

import argparse
import hashlib
import io
import json
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image, ImageOps

from models.registration.align import SIDE
from tools.bench.edits import CHANGES
from tools.bench.harness import CORPUS, images_per_second
from tools.bench.recall import (
    TWIN_LEVELS,
    Codes,
    Vectors,
    code_similarity,
    find_twins,
    mean_recall,
    mean_twin_recall,
    recall_of_similar,
    recalls,
    share_originals,
)
from tools.goldens import to_rgb

SETS = ("photo", "meme", "screenshot", "camera")
WORKING_SIDE = 512
HASHES: dict[str, Callable[[Image.Image], imagehash.ImageHash]] = {
    "pHash 64": imagehash.phash,
    "dHash 64": imagehash.dhash,
    "pHash 256": partial(imagehash.phash, hash_size=16),
    "dHash 256": partial(imagehash.dhash, hash_size=16),
}


@dataclass(frozen=True, slots=True)
class ChangedImages:
    """One file: model inputs, uint8 [20, S, S, 3], and codes by hash, bool [20, bits]; the original comes first."""

    folder: str
    digest: str
    pixels: NDArray[np.uint8]
    codes: dict[str, Codes]


@dataclass(frozen=True, slots=True)
class BenchBundle:
    """A bundle's graph and preprocessing."""

    session: onnxruntime.InferenceSession
    side: int
    filter: Image.Resampling
    threshold: float

    def embed(self, pixels: NDArray[np.uint8]) -> Vectors:
        """Embed uint8 [B, S, S, 3] as unit vectors [B, d]."""
        name = self.session.get_inputs()[0].name
        parts = [self.session.run(None, {name: pixels[at : at + 32]})[0] for at in range(0, len(pixels), 32)]
        return np.concatenate(parts)


def load_bench_bundle(folder: Path, threads: int = 2) -> BenchBundle:
    """Load a bundle on the CPU. Exits for another resize or input size than those of the default bundle."""
    description = json.loads((folder / "bundle.json").read_text())
    if description["preprocess"]["resize"] != "squash" or description["input"]["height"] != SIDE:
        raise SystemExit(f"tools.bench.model measures only bundles that squash to {SIDE} pixels")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(folder / description["graph"], options, providers=["CPUExecutionProvider"])
    resampling = Image.Resampling[description["preprocess"]["interpolation"].upper()]
    return BenchBundle(session, description["input"]["height"], resampling, description["near_duplicate_cosine"])


def make_queries(side: int, resampling: Image.Resampling, path: Path) -> ChangedImages | None:
    """Return a file and its changed versions; None where Pillow cannot decode it."""
    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data)) as opened:
            original = to_rgb(ImageOps.exif_transpose(opened))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    working = original.copy()
    working.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.LANCZOS)
    digest = hashlib.sha256(data).hexdigest()
    rng = np.random.default_rng(int(digest[:8], 16))
    versions = [original, *(change(working, rng) for change in CHANGES.values())]
    pixels = np.stack([np.asarray(version.resize((side, side), resampling)) for version in versions])
    codes = {name: np.stack([code(version).hash.ravel() for version in versions]) for name, code in HASHES.items()}
    return ChangedImages(path.parent.name, digest, pixels, codes)


def network_rate(bundle: BenchBundle, batch: int) -> float:
    """Return images/s of the graph alone, on random pixels, after a warm-up."""
    pixels = np.random.default_rng(0).integers(0, 256, (batch, bundle.side, bundle.side, 3), np.uint8)
    bundle.embed(pixels)
    return images_per_second(bundle.embed, pixels, 3.0)


def measure(bundle: BenchBundle, files: Sequence[ChangedImages], threads: int) -> dict[str, Any]:
    """Return, by change, recall@1 of each method and the share of pairs above the bundle's threshold; and means."""
    originals = np.stack([file.pixels[0] for file in files])
    with ProcessPoolExecutor(threads, initializer=share_originals, initargs=(originals,)) as pool:
        return _measure_with(bundle, files, originals, pool)


def _measure_with(
    bundle: BenchBundle, files: Sequence[ChangedImages], originals: NDArray[np.uint8], pool: ProcessPoolExecutor
) -> dict[str, Any]:
    entries, twins = bundle.embed(originals), find_twins(originals)
    table: dict[str, dict[str, float]] = {}
    true_pairs = false_pairs = 0
    with_twins: dict[str, list[float]] = {"model": [], **{name: [] for name in HASHES}}
    folders, by_file = np.array([file.folder for file in files]), np.zeros((2, len(files)))
    for place, change in enumerate(CHANGES, 1):
        pixels = [file.pixels[place] for file in files]
        cosines = bundle.embed(np.stack(pixels)) @ entries.T
        similar = np.array(list(pool.map(recall_of_similar, range(len(files)), pixels, cosines, chunksize=8)))
        row = {"similar": float(similar.mean()), "model": mean_recall(cosines)}
        with_twins["model"].append(mean_twin_recall(cosines, twins))
        by_file += np.stack([similar, recalls(cosines)]) / len(CHANGES)
        for name in HASHES:
            queries = np.stack([file.codes[name][place] for file in files])
            similarity = code_similarity(queries, np.stack([file.codes[name][0] for file in files]))
            row[name] = mean_recall(similarity)
            with_twins[name].append(mean_twin_recall(similarity, twins))
        above = cosines >= bundle.threshold
        hits = int(np.diag(above).sum())
        true_pairs, false_pairs = true_pairs + hits, false_pairs + int(above.sum()) - hits
        row["pairs found"] = hits / len(files)
        table[change] = row
    rows, columns = np.triu_indices(len(files), 1)
    mean = {name: float(np.mean([row[name] for row in table.values()])) for name in next(iter(table.values()))}
    pairs = {
        "threshold": bundle.threshold,
        "precision": true_pairs / max(1, true_pairs + false_pairs),
        "recall": true_pairs / (len(files) * len(CHANGES)),
        "originals alike": int(((entries @ entries.T)[rows, columns] >= bundle.threshold).sum()),
        "pairs of originals": len(rows),
    }
    sets = {
        str(name): dict(zip(("similar", "model"), by_file[:, folders == name].mean(1).tolist(), strict=True))
        for name in np.unique(folders)
    }
    twin_means = {name: float(np.mean(shares)) for name, shares in with_twins.items()}
    twin_figures = {
        "files": int((twins.sum(1) > 1).sum()),
        "mean": twin_means,
        "least": sorted(with_twins["model"])[:2],
    }
    return {"changes": table, "mean": mean, "sets": sets, "pairs": pairs, "twins": twin_figures}


def markdown(figures: dict[str, Any]) -> str:
    """Return the figures as a Markdown table and a few lines of text."""
    names = list(figures["mean"])
    lines = ["| change | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    rows = {**figures["changes"], "**mean**": figures["mean"]}
    lines += [
        f"| {change} | " + " | ".join(f"{row[name]:.3f}" for name in names) + " |" for change, row in rows.items()
    ]
    pairs, files, twin = figures["pairs"], figures["files"], figures["twins"]
    lines += [
        "",
        "Means by set, of `similar` and of the model alone: "
        + ", ".join(f"{name} {mean['similar']:.3f} {mean['model']:.3f}" for name, mean in figures["sets"].items())
        + ".",
        f"{twin['files']} originals have a twin in the database, which differs by less than {TWIN_LEVELS:g} of 255 "
        "at the model's input size. Means with any twin counted as found: "
        + ", ".join(f"{name} {mean:.3f}" for name, mean in twin["mean"].items())
        + f"; the model's two lowest changes {twin['least'][0]:.3f} and {twin['least'][1]:.3f}.",
        f"{files['used']} originals; left out: {files['undecodable']} undecodable, "
        f"{files['repeated']} with equal bytes.",
        f"Near duplicates above cosine {pairs['threshold']:.2f}: pair precision {pairs['precision']:.3f}, "
        f"recall {pairs['recall']:.3f}; {pairs['originals alike']} of {pairs['pairs of originals']} pairs of originals "
        "are above it.",
        "Network alone, images/s: " + ", ".join(f"batch {n}: {rate:.0f}" for n, rate in figures["images/s"].items()),
    ]
    return "\n".join(lines)


def main() -> None:
    """Print a Markdown report, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.model", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="folder of the sets")
    parser.add_argument("--bundle", type=Path, default=Path("models/default"), help="folder of the bundle")
    parser.add_argument("--threads", type=int, default=2, help="of the network, and processes that decode")
    parser.add_argument("--limit", type=int, help="files of each set, evenly spaced")
    parser.add_argument("--json", action="store_true", help="print figures rather than a table")
    options = parser.parse_args()
    paths: list[Path] = []
    for name in SETS:
        found = sorted(path for path in (options.corpus / name).glob("**/*") if path.is_file())
        paths += found[:: max(1, len(found) // options.limit)] if options.limit else found
    if not paths:
        sys.exit(f"no files of the sets {', '.join(SETS)} in {options.corpus}\nName their folder with --corpus.")
    bundle = load_bench_bundle(options.bundle, options.threads)
    with ProcessPoolExecutor(options.threads) as pool:
        read = list(pool.map(partial(make_queries, bundle.side, bundle.filter), paths, chunksize=4))
    decoded = [file for file in read if file is not None]
    unique = list({file.digest: file for file in decoded}.values())
    figures = measure(bundle, unique, options.threads)
    figures["files"] = {
        "used": len(unique),
        "undecodable": len(read) - len(decoded),
        "repeated": len(decoded) - len(unique),
    }
    figures["images/s"] = {str(batch): network_rate(bundle, batch) for batch in (1, 8, 32)}
    print(json.dumps(figures, indent=1) if options.json else markdown(figures))


if __name__ == "__main__":
    main()

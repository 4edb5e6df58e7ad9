"""How often a bundle finds the original of a changed picture, beside pHash and dHash, and how fast it runs.

    python -m tools.bench.model [--corpus ../shared/corpus] [--bundle models/default] [--json]

Every file of the sets goes into the database as it is. The queries are 19 changes of each, made on a copy of
at most 512 pixels. recall@1 is the share of queries whose nearest entry is their original; an entry that ties
with n others counts 1/n. "model" is the vector alone; "similar" is what `catalog similar` answers: the nearest, and
where several are about as near, those first that turn out to be the same picture when laid upon the query. Files that
Pillow cannot decode and files with equal bytes are left out and counted.
"""

import argparse
import hashlib
import io
import json
import sys
import time
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
from tools.bench.recall import (
    TWIN_LEVELS,
    Codes,
    Vectors,
    code_likeness,
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
    """One file: model inputs uint8 [20, S, S, 3] and a code per hash bool [20, bits]; the original comes first."""

    folder: str
    digest: str
    pixels: NDArray[np.uint8]
    codes: dict[str, Codes]


@dataclass(frozen=True, slots=True)
class BenchBundle:
    """What the tool needs of a bundle."""

    session: onnxruntime.InferenceSession
    side: int
    filter: Image.Resampling
    threshold: float

    def embed(self, pixels: NDArray[np.uint8]) -> Vectors:
        """uint8 [B, S, S, 3] -> unit vectors [B, d]."""
        name = self.session.get_inputs()[0].name
        parts = [self.session.run(None, {name: pixels[at : at + 32]})[0] for at in range(0, len(pixels), 32)]
        return np.concatenate(parts)


def load_bench_bundle(folder: Path, threads: int = 2) -> BenchBundle:
    """Open the bundle's graph on the CPU."""
    told = json.loads((folder / "bundle.json").read_text())
    if told["preprocess"]["resize"] != "squash" or told["input"]["height"] != SIDE:
        raise SystemExit(f"bench_model: only bundles that squash to {SIDE} pixels can be measured here")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(folder / told["graph"], options, providers=["CPUExecutionProvider"])
    resampling = Image.Resampling[told["preprocess"]["interpolation"].upper()]
    return BenchBundle(session, told["input"]["height"], resampling, told["near_duplicate_cosine"])


def make_queries(side: int, resampling: Image.Resampling, path: Path) -> ChangedImages | None:
    """Decode one file and make its queries; None where Pillow cannot decode it."""
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


def images_per_second(bundle: BenchBundle, batch: int, seconds: float = 3.0) -> float:
    """The graph alone on random pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (batch, bundle.side, bundle.side, 3), np.uint8)
    bundle.embed(pixels)
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        bundle.embed(pixels)
        done += batch
    return done / (time.perf_counter() - began)


def measure(bundle: BenchBundle, files: Sequence[ChangedImages], threads: int) -> dict[str, Any]:
    """The table: for every change recall@1 of each method, and the share of pairs above the bundle's threshold."""
    pool = ProcessPoolExecutor(
        threads, initializer=share_originals, initargs=(np.stack([file.pixels[0] for file in files]),)
    )
    with pool:
        return _measure_with(bundle, files, pool)


def _measure_with(bundle: BenchBundle, files: Sequence[ChangedImages], pool: ProcessPoolExecutor) -> dict[str, Any]:
    entries = bundle.embed(np.stack([file.pixels[0] for file in files]))
    table: dict[str, dict[str, float]] = {}
    wrong = right = 0
    same = find_twins(np.stack([file.pixels[0] for file in files]))
    lenient: dict[str, list[float]] = {"model": [], **{name: [] for name in HASHES}}
    folders, by_folder = np.array([file.folder for file in files]), np.zeros((2, len(files)))
    for place, change in enumerate(CHANGES, 1):
        pixels = [file.pixels[place] for file in files]
        alike = bundle.embed(np.stack(pixels)) @ entries.T
        similar = np.array(list(pool.map(recall_of_similar, range(len(files)), pixels, alike, chunksize=8)))
        row = {"similar": float(similar.mean()), "model": mean_recall(alike)}
        lenient["model"].append(mean_twin_recall(alike, same))
        by_folder += np.stack([similar, recalls(alike)]) / len(CHANGES)
        for name in HASHES:
            queries = np.stack([file.codes[name][place] for file in files])
            likeness = code_likeness(queries, np.stack([file.codes[name][0] for file in files]))
            row[name] = mean_recall(likeness)
            lenient[name].append(mean_twin_recall(likeness, same))
        above = alike >= bundle.threshold
        hits = int(np.diag(above).sum())
        right, wrong = right + hits, wrong + int(above.sum()) - hits
        row["pairs found"] = hits / len(files)
        table[change] = row
    rows, columns = np.triu_indices(len(files), 1)
    among = int(((entries @ entries.T)[rows, columns] >= bundle.threshold).sum())
    mean = {name: float(np.mean([row[name] for row in table.values()])) for name in next(iter(table.values()))}
    pairs = {
        "threshold": bundle.threshold,
        "precision": right / max(1, right + wrong),
        "recall": right / (len(files) * len(CHANGES)),
        "originals alike": among,
        "pairs of originals": len(rows),
    }
    sets = {
        str(name): dict(zip(("similar", "model"), by_folder[:, folders == name].mean(1).tolist(), strict=True))
        for name in np.unique(folders)
    }
    twin_means = {name: float(np.mean(shares)) for name, shares in lenient.items()}
    twin_figures = {"files": int((same.sum(1) > 1).sum()), "mean": twin_means, "least": sorted(lenient["model"])[:2]}
    return {"changes": table, "mean": mean, "sets": sets, "pairs": pairs, "twins": twin_figures}


def markdown(figures: dict[str, Any]) -> str:
    """The figures as a table and a few lines."""
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
        f"{twin['files']} originals have a twin in the database, less than {TWIN_LEVELS:g} of 255 "
        f"apart at the model's size. "
        "With any twin counted as found, the means are: "
        + ", ".join(f"{name} {mean:.3f}" for name, mean in twin["mean"].items())
        + f"; the model's two lowest changes {twin['least'][0]:.3f} and {twin['least'][1]:.3f}.",
        f"{files['used']} originals; left out: {files['undecodable']} undecodable, {files['repeated']} of equal bytes.",
        f"Near duplicates from cosine {pairs['threshold']:.2f}: pair precision {pairs['precision']:.3f}, "
        f"recall {pairs['recall']:.3f}; {pairs['originals alike']} of {pairs['pairs of originals']} pairs of originals "
        "are above it.",
        "Network alone, images/s: " + ", ".join(f"batch {n}: {rate:.0f}" for n, rate in figures["images/s"].items()),
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.model", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"), help="folder of the sets")
    parser.add_argument("--bundle", type=Path, default=Path("models/default"), help="folder of the bundle")
    parser.add_argument("--threads", type=int, default=2, help="of the network and of the decoding")
    parser.add_argument("--limit", type=int, help="files of each set, spread evenly")
    parser.add_argument("--json", action="store_true", help="print figures rather than a table")
    given = parser.parse_args()
    paths: list[Path] = []
    for name in SETS:
        found = sorted(path for path in (given.corpus / name).glob("**/*") if path.is_file())
        paths += found[:: max(1, len(found) // given.limit)] if given.limit else found
    if not paths:
        sys.exit(f"bench_model: no pictures under {given.corpus}; name the folder with --corpus")
    bundle = load_bench_bundle(given.bundle, given.threads)
    with ProcessPoolExecutor(given.threads) as pool:
        read = list(pool.map(partial(make_queries, bundle.side, bundle.filter), paths, chunksize=4))
    decoded = [file for file in read if file is not None]
    unique = list({file.digest: file for file in decoded}.values())
    figures = measure(bundle, unique, given.threads)
    figures["files"] = {
        "used": len(unique),
        "undecodable": len(read) - len(decoded),
        "repeated": len(decoded) - len(unique),
    }
    figures["images/s"] = {str(batch): images_per_second(bundle, batch) for batch in (1, 8, 32)}
    print(json.dumps(figures, indent=1) if given.json else markdown(figures))


if __name__ == "__main__":
    main()

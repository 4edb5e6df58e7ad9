"""How often a bundle finds the original of a changed picture, beside pHash and dHash, and how fast it runs.

    python -m tools.bench_model [--corpus ../shared/corpus] [--bundle models/default] [--json]

Every file of the sets goes into the database as it is. The queries are 19 changes of each, made on a copy of
at most 512 pixels. recall@1 is the share of queries whose nearest entry is their original; an entry that ties
with n others counts 1/n. Files that Pillow cannot decode and files with equal bytes are left out and counted.
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
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from tools.default_model.reference import as_colour

SETS = ("photo", "meme", "screenshot", "camera")
WORKING_SIDE = 512
Change = Callable[[Image.Image, Generator], Image.Image]
Vectors = NDArray[np.float32]
Codes = NDArray[np.bool_]
HASHES: dict[str, Callable[[Image.Image], imagehash.ImageHash]] = {
    "pHash 64": imagehash.phash,
    "dHash 64": imagehash.dhash,
    "pHash 256": partial(imagehash.phash, hash_size=16),
    "dHash 256": partial(imagehash.dhash, hash_size=16),
}


def jpeg(quality: int) -> Change:
    """Write and read as JPEG."""

    def change(image: Image.Image, rng: Generator) -> Image.Image:
        written = io.BytesIO()
        image.save(written, "JPEG", quality=quality)
        return Image.open(written).convert("RGB")

    return change


def crop(kept: float, centred: bool) -> Change:
    """Keep a share of each side, from the middle or from anywhere."""

    def change(image: Image.Image, rng: Generator) -> Image.Image:
        width, height = round(image.width * kept), round(image.height * kept)
        x, y = (0.5, 0.5) if centred else rng.uniform(0, 1, 2)
        left, top = round((image.width - width) * x), round((image.height - height) * y)
        return image.crop((left, top, left + width, top + height))

    return change


def quartered(image: Image.Image, rng: Generator) -> Image.Image:
    """A quarter of each side."""
    return image.resize((max(1, image.width // 4), max(1, image.height // 4)), Image.Resampling.BICUBIC)


def noisy(image: Image.Image, rng: Generator) -> Image.Image:
    """Gaussian noise, standard deviation 20 of 255."""
    values = np.asarray(image) + rng.normal(0, 20, (image.height, image.width, 3))
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def captioned(image: Image.Image, rng: Generator) -> Image.Image:
    """A white band above, 18 % of the height, with two lines of text."""
    band = max(8, round(image.height * 0.18))
    sheet = Image.new("RGB", (image.width, image.height + band), "white")
    sheet.paste(image, (0, band))
    face = ImageFont.load_default(max(6, band // 3))
    ImageDraw.Draw(sheet).text((4, 2), "When you see it again\nand it looks the same", "black", face)
    return sheet


def badged(image: Image.Image, rng: Generator) -> Image.Image:
    """An opaque badge of a fifth of the short side in a random corner."""
    side = max(6, round(min(image.size) * 0.2))
    left, top = (round(end * (length - side)) for end, length in zip(rng.integers(2, size=2), image.size, strict=True))
    changed = image.copy()
    draw = ImageDraw.Draw(changed)
    draw.ellipse((left, top, left + side, top + side), fill=(200, 30, 40))
    draw.text((left + side / 5, top + side / 3), "LOGO", "white", ImageFont.load_default(max(6, side // 4)))
    return changed


def blurred(image: Image.Image, rng: Generator) -> Image.Image:
    """Gaussian blur, radius 1 % of the long side."""
    return image.filter(ImageFilter.GaussianBlur(max(image.size) * 0.01))


CHANGES: dict[str, Change] = {
    "resize to 1/4 of each side": quartered,
    "JPEG quality 50": jpeg(50),
    "JPEG quality 30": jpeg(30),
    "JPEG quality 10": jpeg(10),
    "crop: middle 90 % of each side": crop(0.9, True),
    "crop: any 80 % of each side": crop(0.8, False),
    "crop: any 70 % of each side": crop(0.7, False),
    "brightness x 1.5": lambda image, rng: ImageEnhance.Brightness(image).enhance(1.5),
    "contrast x 0.6": lambda image, rng: ImageEnhance.Contrast(image).enhance(0.6),
    "gamma 1.6": lambda image, rng: image.point([round(255 * (v / 255) ** 1.6) for v in range(256)] * 3),
    "grey": lambda image, rng: image.convert("L").convert("RGB"),
    "blur: radius 1 % of the long side": blurred,
    "noise: sd 20": noisy,
    "caption: white band of 18 %": captioned,
    "border: black, 6 % of the width": lambda image, rng: ImageOps.expand(image, round(image.width * 0.06), 0),
    "logo: 20 % of the short side": badged,
    "rotation by 5 degrees, black corners": lambda image, rng: image.rotate(5, Image.Resampling.BICUBIC),
    "rotation by 90 degrees": lambda image, rng: image.transpose(Image.Transpose.ROTATE_90),
    "mirror": lambda image, rng: ImageOps.mirror(image),
}


@dataclass(frozen=True, slots=True)
class Described:
    """One file: model inputs uint8 [20, S, S, 3] and a code per hash bool [20, bits]; the original comes first."""

    folder: str
    digest: str
    pixels: NDArray[np.uint8]
    codes: dict[str, Codes]


@dataclass(frozen=True, slots=True)
class Bundle:
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


def load_bundle(folder: Path, threads: int = 2) -> Bundle:
    """Open the bundle's graph on the CPU."""
    told = json.loads((folder / "bundle.json").read_text())
    if told["preprocess"]["resize"] != "squash":
        raise SystemExit("bench_model: only bundles that squash can be measured here")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(folder / told["graph"], options, providers=["CPUExecutionProvider"])
    resampling = Image.Resampling[told["preprocess"]["interpolation"].upper()]
    return Bundle(session, told["input"]["height"], resampling, told["near_duplicate_cosine"])


def describe(side: int, resampling: Image.Resampling, path: Path) -> Described | None:
    """Decode one file and make its queries; None where Pillow cannot decode it."""
    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data)) as opened:
            original = as_colour(ImageOps.exif_transpose(opened))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    working = original.copy()
    working.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.LANCZOS)
    digest = hashlib.sha256(data).hexdigest()
    rng = np.random.default_rng(int(digest[:8], 16))
    versions = [original, *(change(working, rng) for change in CHANGES.values())]
    pixels = np.stack([np.asarray(version.resize((side, side), resampling)) for version in versions])
    codes = {name: np.stack([code(version).hash.ravel() for version in versions]) for name, code in HASHES.items()}
    return Described(path.parent.name, digest, pixels, codes)


def hits_first(alike: Vectors) -> NDArray[np.float64]:
    """recall@1 of each query of a square [queries, entries] of similarities; the right answers are on the diagonal."""
    right = np.diag(alike)[:, None]
    ahead, level = (alike > right).sum(1), (alike == right).sum(1)
    # A vector that is no number equals nothing, itself included: no hit.
    hits: NDArray[np.float64] = ((ahead == 0) & (level > 0)) / np.maximum(level, 1)
    return hits


def found_first(alike: Vectors) -> float:
    """The mean of `hits_first`."""
    return float(np.mean(hits_first(alike)))


def code_likeness(queries: Codes, entries: Codes) -> Vectors:
    """Minus the Hamming distances: float32 [queries, entries]."""
    signs, others = queries.astype(np.float32) * 2 - 1, entries.astype(np.float32) * 2 - 1
    likeness: Vectors = np.rint(signs @ others.T)
    return likeness


def images_per_second(bundle: Bundle, batch: int, seconds: float = 3.0) -> float:
    """The graph alone on random pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (batch, bundle.side, bundle.side, 3), np.uint8)
    bundle.embed(pixels)
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        bundle.embed(pixels)
        done += batch
    return done / (time.perf_counter() - began)


def measure(bundle: Bundle, files: Sequence[Described]) -> dict[str, Any]:
    """The table: for every change recall@1 of each method, and the share of pairs above the bundle's threshold."""
    entries = bundle.embed(np.stack([file.pixels[0] for file in files]))
    table: dict[str, dict[str, float]] = {}
    wrong = right = 0
    folders, by_folder = np.array([file.folder for file in files]), np.zeros(len(files))
    for place, change in enumerate(CHANGES, 1):
        alike = bundle.embed(np.stack([file.pixels[place] for file in files])) @ entries.T
        row = {"model": found_first(alike)}
        by_folder += hits_first(alike) / len(CHANGES)
        for name in HASHES:
            queries = np.stack([file.codes[name][place] for file in files])
            row[name] = found_first(code_likeness(queries, np.stack([file.codes[name][0] for file in files])))
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
    sets = {str(name): float(by_folder[folders == name].mean()) for name in np.unique(folders)}
    return {"changes": table, "mean": mean, "sets": sets, "pairs": pairs}


def markdown(figures: dict[str, Any]) -> str:
    """The figures as a table and a few lines."""
    names = list(figures["mean"])
    lines = ["| change | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    rows = {**figures["changes"], "**mean**": figures["mean"]}
    lines += [
        f"| {change} | " + " | ".join(f"{row[name]:.3f}" for name in names) + " |" for change, row in rows.items()
    ]
    pairs, files = figures["pairs"], figures["files"]
    lines += [
        "",
        "Mean of the model by set: " + ", ".join(f"{name} {mean:.3f}" for name, mean in figures["sets"].items()) + ".",
        f"{files['used']} originals; left out: {files['undecodable']} undecodable, {files['repeated']} of equal bytes.",
        f"Near duplicates from cosine {pairs['threshold']:.2f}: pair precision {pairs['precision']:.3f}, "
        f"recall {pairs['recall']:.3f}; {pairs['originals alike']} of {pairs['pairs of originals']} pairs of originals "
        "are above it.",
        "Network alone, images/s: " + ", ".join(f"batch {n}: {rate:.0f}" for n, rate in figures["images/s"].items()),
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench_model", description=__doc__.split("\n", 1)[0])
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
    bundle = load_bundle(given.bundle, given.threads)
    with ProcessPoolExecutor(given.threads) as pool:
        read = list(pool.map(partial(describe, bundle.side, bundle.filter), paths, chunksize=4))
    decoded = [file for file in read if file is not None]
    unique = list({file.digest: file for file in decoded}.values())
    figures = measure(bundle, unique)
    figures["files"] = {
        "used": len(unique),
        "undecodable": len(read) - len(decoded),
        "repeated": len(decoded) - len(unique),
    }
    figures["images/s"] = {str(batch): images_per_second(bundle, batch) for batch in (1, 8, 32)}
    print(json.dumps(figures, indent=1) if given.json else markdown(figures))


if __name__ == "__main__":
    main()

"""Compare exported networks (fp32, fp16, int8) with eager PyTorch: accuracy, speed and size.

    python -m tools.bench.export [--only NAME ...] [--seconds 2] [--rounds 3] [--pictures DIR] [--json]

Each model is built at full size with seeded random weights: neither timing nor accuracy depends much on them. All
variants get the same uint8 pixels and include the normalisation. They take turns, and the best turn of each counts, so
that other load on the machine affects all alike. "cosine" is the lowest of any image to PyTorch in float32, "lost" the
unexplained variance of the vectors (a strict measure: vectors of untrained networks are close to each other).
"""

import argparse
import copy
import json
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from models.bundle.folder import Bundle, load_bundle
from models.runtime.attestation import row_cosines, unexplained_variance
from models.runtime.session import Session
from tools.bench.harness import images_per_second
from tools.default_model.drawing.pictures import picture
from tools.export.describe import preprocess_description, write_description
from tools.export.families import load_source
from tools.export.graph import ImageGraph
from tools.export.make import write_image
from tools.export.shortcut import jpegs_below
from tools.export.source import ExportSource

SEED, PICTURE_COUNT, BATCHES = 1, 16, (1, 8)
MODELS = {
    "ViT-B/32": "open_clip:ViT-B-32@laion2b_s34b_b79k",
    "SigLIP 2 B/16 224": "open_clip:ViT-B-16-SigLIP2@webli",
    "MobileCLIP2-S0": "open_clip:MobileCLIP2-S0@dfndr2b",
    "DINOv2-S/14 224": "transformers:dinov2-small",
    "DINOv3-S/16 256": "timm:vit_small_patch16_dinov3",
}
RunModel = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One variant of one model. `rate`: images/s; `cosine`, `lost`: to PyTorch in float32; `megabytes`: on disk."""

    model: str
    variant: str
    rate: float
    cosine: float
    lost: float
    megabytes: float


def random_source(model: str, folder: Path) -> ExportSource:
    """Return a source with random weights; DINOv2, which has no configuration in its package, gets one in `folder`."""
    if model.startswith("transformers:"):
        from transformers import BitImageProcessor, Dinov2Config

        Dinov2Config(hidden_size=384, num_hidden_layers=12, num_attention_heads=6).save_pretrained(folder)
        crop = {"height": 224, "width": 224}
        mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
        BitImageProcessor(size={"shortest_edge": 256}, crop_size=crop, image_mean=mean, image_std=std).save_pretrained(
            folder
        )
        model = f"transformers:{folder}"
    return load_source(model, None, SEED, words=False)


def sample_pixels(recipe: Any, folder: Path | None) -> np.ndarray:
    """Return uint8 [PICTURE_COUNT, H, W, 3]: JPEGs of `folder`, or drawn pictures without any."""
    size = (recipe.width, recipe.height)
    files = jpegs_below(folder) if folder else []
    sample = files[:: max(1, len(files) // PICTURE_COUNT)][:PICTURE_COUNT]
    images = [Image.open(path).convert("RGB") for path in sample] or [
        Image.fromarray(picture(SEED, index)) for index in range(PICTURE_COUNT)
    ]
    return np.stack([np.asarray(image.resize(size, Image.Resampling.BICUBIC)) for image in images])


def eager_model(source: ExportSource, dtype: torch.dtype) -> RunModel:
    """Return the network in eager PyTorch as `dtype`, float32 or bfloat16, with branches merged as in the export."""
    network = source.image if dtype is torch.float32 else Bfloat16Network(source.image)
    graph = ImageGraph(network, source.preprocess).eval()

    def run(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            vectors: np.ndarray = graph(torch.from_numpy(pixels)).numpy()
        return vectors

    return run


class Bfloat16Network(torch.nn.Module):
    """A network in bfloat16 with float32 input and output."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).bfloat16()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Embed float32 values; return float32 features."""
        features: torch.Tensor = self.network(values.bfloat16())
        return features.float()


def exported_model(
    source: ExportSource, folder: Path, precision: Any, dims: int, threads: int
) -> tuple[RunModel, float]:
    """Export the network; return the service's session on it, and the graph's size in MB."""
    folder.mkdir()
    write_image(source, folder, precision)
    description = {
        "name": folder.name,
        "licence": "",
        "dims": dims,
        "precision": precision,
        "preprocess": preprocess_description(source.preprocess, 0.0),
        "near_duplicate_cosine": 0.9,
        "seed": SEED,
        "goldens": [],
        "golden_threshold": 0.999,
        "golden_decibels": 50.0,
        "attested": {},
    }
    write_description(folder, source, description)
    bundle: Bundle = load_bundle(folder)
    session = Session(bundle, provider="cpu", threads=threads)
    return session.run, bundle.graph.stat().st_size / 1e6


def best_rates(runs: dict[str, RunModel], pixels: np.ndarray, seconds: float, rounds: int) -> dict[str, float]:
    """Return images/s of each variant, the best of all turns and batch sizes."""
    best = dict.fromkeys(runs, 0.0)
    for _ in range(rounds):
        for name, run in runs.items():
            for batch in BATCHES:
                best[name] = max(best[name], images_per_second(run, pixels[:batch], seconds / len(BATCHES)))
    return best


def measure(name: str, options: argparse.Namespace) -> list[ExportRow]:
    """Measure all variants of one model."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = random_source(MODELS[name], folder)
        pixels = sample_pixels(source.preprocess.recipe, options.pictures)
        runs = {"PyTorch f32": eager_model(source, torch.float32), "PyTorch bf16": eager_model(source, torch.bfloat16)}
        reference = runs["PyTorch f32"](pixels)
        sizes = dict.fromkeys(runs, 0.0)
        for precision in ("fp32", "fp16", "int8"):
            runs[precision], sizes[precision] = exported_model(
                source, folder / precision, precision, reference.shape[1], options.threads
            )
        best = best_rates(runs, pixels, options.seconds, options.rounds)
        vectors = {variant: run(pixels) for variant, run in runs.items()}
    return [
        ExportRow(
            name,
            variant,
            best[variant],
            float(row_cosines(vectors[variant], reference).min()),
            unexplained_variance(vectors[variant], reference),
            sizes[variant],
        )
        for variant in runs
    ]


def main() -> None:
    """Print a row per variant, or JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--seconds", type=float, default=2.0, help="of one turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--pictures", type=Path, help="folder of JPEGs (default: drawn pictures)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    if not options.json:
        print(f"{'model':18} {'variant':13} {'images/s':>9} {'of f32':>7} {'cosine':>9} {'lost':>8} {'MB':>6}")
    for name in options.only:
        rows = measure(name, options)
        for row in rows:
            if options.json:
                print(json.dumps({field: getattr(row, field) for field in ExportRow.__slots__}), flush=True)
            else:
                speed = f"{row.model:18} {row.variant:13} {row.rate:9.1f} {row.rate / rows[0].rate:6.2f}x"
                size = f"{row.megabytes:6.0f}" if row.megabytes else ""
                print(f"{speed} {row.cosine:9.5f} {row.lost:8.1e} {size}", flush=True)


if __name__ == "__main__":
    main()

"""`python -m tools.default_model --out models/default`: pictures, training, whitening, export."""

import argparse
import logging
from dataclasses import replace
from pathlib import Path

import torch

from .augment import Augmenter
from .bundle import write_description
from .calibrate import near_duplicate_cosine
from .drawing.overlays import overlays
from .drawing.pictures import pictures
from .embedder import DIMENSIONS, SIZE, Embedder, Features
from .export import export
from .goldens import write_goldens
from .network import Trunk
from .train import Schedule, train
from .whitening import as_bytes, as_floats, view_features, whitening

LOG = logging.getLogger(__package__)  # parent of the loggers in this package
STORED_SIDE = 160
TRAINING_PICTURES, WHITENING_PICTURES, CALIBRATION_PICTURES = 24_000, 4_096, 1_000
QUARTER_TURNS = 0.06
RIDGE, SIBLINGS = 0.02, 0.5


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.default_model", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the bundle")
    parser.add_argument("--seed", type=int, default=1, help="of everything random")
    parser.add_argument("--steps", type=int, default=Schedule().steps, help="0: statistics only")
    parser.add_argument("--workers", type=int, default=2, help="processes and threads")
    parser.add_argument("--trunk", type=Path, help="weights kept from an earlier run; no training")
    parser.add_argument("--checkpoint", type=Path, help="keep the trunk's weights here")
    return parser.parse_args()


def make_trunk(options: argparse.Namespace, augment: Augmenter) -> Trunk | None:
    """Train the trunk or load it; return None for statistics only."""
    if options.trunk is not None:
        trunk = Trunk()
        trunk.load_state_dict(torch.load(options.trunk, weights_only=True))
        return trunk.eval()
    if options.steps == 0:
        return None
    LOG.info("drawing %d pictures to train on", TRAINING_PICTURES)
    drawn = pictures(options.seed, TRAINING_PICTURES, STORED_SIDE, options.workers)
    torch.set_num_threads(max(1, options.workers // 2))
    trunk = train(drawn, augment, replace(Schedule(), steps=options.steps), options.seed, options.checkpoint)
    torch.set_num_threads(options.workers)
    if options.checkpoint is not None:
        torch.save(trunk.state_dict(), options.checkpoint)
    return trunk


def embed_held_out(model: Embedder, seed: int, workers: int) -> torch.Tensor:
    """Unit vectors of held-out pictures."""
    held_out = as_floats(pictures(seed, CALIBRATION_PICTURES, SIZE, workers))
    with torch.inference_mode():
        return torch.cat([model(as_bytes(part)) for part in torch.split(held_out, 64)])


def main() -> None:
    """Make the bundle."""
    options = parse_options()
    logging.basicConfig(format="%(asctime)s %(message)s")
    LOG.setLevel(logging.INFO)  # not for the exporter, which logs hundreds of lines
    torch.set_num_threads(options.workers)
    cover = overlays(options.seed, 600, SIZE)
    trunk = make_trunk(options, Augmenter(options.seed, cover, QUARTER_TURNS))
    features = Features(trunk).eval()
    LOG.info("whitening on %d pictures", WHITENING_PICTURES)
    drawn = pictures(options.seed + 1, WHITENING_PICTURES, STORED_SIDE, options.workers)
    found = view_features(features, drawn, Augmenter(options.seed + 1, cover, QUARTER_TURNS), SIZE)
    model = Embedder(features, *whitening(found, DIMENSIONS, RIDGE, SIBLINGS)).eval()
    threshold = near_duplicate_cosine(embed_held_out(model, options.seed + 2, options.workers).numpy())
    options.out.mkdir(parents=True, exist_ok=True)
    export(model, options.out / "model.onnx")
    names = write_goldens(model, options.out / "goldens", options.seed, SIZE)
    write_description(options.out, options.seed, threshold, names)
    LOG.info("wrote %s: near duplicates from %.2f", options.out, threshold)


if __name__ == "__main__":
    main()

"""The bundle's description: what the service reads before it trusts the graph."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from .embedder import DIMENSIONS, SIZE
from .export import INPUT, OPSET, OUTPUT
from .reference import BACKGROUND


def write_description(folder: Path, seed: int, near_duplicate: float, goldens: list[str]) -> None:
    """Write `bundle.json` beside `model.onnx`."""
    graph = (folder / "model.onnx").read_bytes()
    description = {
        "name": "default",
        "version": 1,
        "licence": "Apache-2.0",
        "graph": "model.onnx",
        "graph_sha256": hashlib.sha256(graph).hexdigest(),
        "dims": DIMENSIONS,
        "input": {"name": INPUT, "layout": "NHWC", "dtype": "uint8", "height": SIZE, "width": SIZE},
        "output": {"name": OUTPUT, "normalised": True},
        "preprocess": {
            "resize": "squash",
            "interpolation": "bilinear",
            "scaled_jpeg": 1,
            "background": list(BACKGROUND),
        },
        "near_duplicate_cosine": near_duplicate,
        "opset": OPSET,
        "seed": seed,
        "made_with": {name: version(name) for name in ("torch", "onnx", "numpy", "pillow")},
        "goldens": goldens,
        "golden_threshold": 0.999,
    }
    (folder / "bundle.json").write_text(json.dumps(description, indent=1) + "\n")

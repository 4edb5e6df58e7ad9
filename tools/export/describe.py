"""bundle.json, version 2: the description of a bundle."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from models.bundle.schema import sha256_of
from models.bundle.text_tower import describe_text_tower
from models.recipe import Recipe
from tools.export.graph import IDS, MASK, OPSET, OUTPUT, PIXELS
from tools.export.source import ExportSource, Preprocessing, TextSource

MADE_WITH = ("torch", "onnx", "onnxscript", "onnxruntime", "numpy", "pillow")


def write_description(folder: Path, source: ExportSource, fields: dict[str, Any]) -> None:
    """Write the description of a folder that has everything else; `fields`: what only the caller knows."""
    recipe = source.preprocess.recipe
    packages = (*MADE_WITH, *source.packages)
    description = {
        "version": 2,
        "graph": "model.onnx",
        "graph_sha256": sha256_of(folder / "model.onnx"),
        "input": {"name": PIXELS, "layout": "NHWC", "dtype": "uint8", "height": recipe.height, "width": recipe.width},
        "output": {"name": OUTPUT, "normalised": True},
        "opset": OPSET,
        "source": {"family": source.family, "name": source.name, "revision": source.revision},
        "made_with": {name: _version(name) for name in packages} | {"python": platform.python_version()},
    }
    (folder / "bundle.json").write_text(json.dumps(fields | description, indent=1, ensure_ascii=False) + "\n", "utf-8")


def preprocess_description(preprocess: Preprocessing, scaled_jpeg: float) -> dict[str, Any]:
    """Return the part "preprocess"; optional keys only where they differ from a plain recipe."""
    recipe = preprocess.recipe
    plain = Recipe(recipe.height, recipe.width)
    part: dict[str, Any] = {
        "resize": recipe.resize,
        "interpolation": recipe.interpolation,
        "scaled_jpeg": scaled_jpeg,
        "background": list(recipe.background),
        "mean": list(preprocess.mean),
        "std": list(preprocess.std),
    }
    if recipe.edge and recipe.edge != (recipe.height, recipe.width):
        part["edge"] = list(recipe.edge)
    if recipe.rounding:
        part["rounding"] = recipe.rounding
    if recipe.centre != plain.centre:
        part["centre"] = recipe.centre
    if recipe.fill:
        part["fill"] = list(recipe.fill)
    return part


def text_description(folder: Path, words: TextSource, goldens: list[str]) -> dict[str, Any]:
    """Return the part "text"."""
    return describe_text_tower(
        folder,
        clean=words.clean,
        length=words.length,
        pad=words.pad,
        side=words.side,
        inputs=(IDS, MASK if words.masked else None),
        output=OUTPUT,
        logit=(words.logit_scale, words.logit_bias),
        goldens=goldens,
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return version(f"{name}-gpu")  # ONNX Runtime has two package names

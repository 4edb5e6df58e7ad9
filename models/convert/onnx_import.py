"""Import of an ONNX repository as a bundle, with goldens computed by its own graphs on this machine.

The reference follows the source's documented pipeline: Pillow's exact decode and resize, NumPy's normalisation, the
unmodified graph. It shares only the graph's weights with our pipeline. It cannot prove that the repository itself is
faithful to the original model; only an export from PyTorch can.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from models.bundle.folder import ModelSource, default_folder
from models.bundle.schema import BundleError, sha256_of
from models.bundle.text_tower import describe_text_tower
from models.convert.graph_edit import (
    PIXELS_INPUT,
    TOKENS_INPUT,
    VECTOR_OUTPUT,
    GraphError,
    GraphFacts,
    fold_image,
    fold_text,
)
from models.convert.immich_layout import RepositoryLayout, TextLayout, read_repository_layout
from models.fit import FILTERS
from models.recipe import Recipe
from models.runtime.onnx_session import run_once

BACKGROUND = (255, 255, 255)
# Typical of CLIP models. An export measures it on images, but an import has none to measure on.
NEAR_DUPLICATE_COSINE = 0.95
GOLDEN_STRINGS = (
    "a shrine under a full moon",
    "",
    "A photo of TWO dogs, running!",
    "Übergrößenträger naïve façade",
    "猫と犬",
    "emoji 🦊🌕 and\nnew lines\tand  spaces",
    "&lt;b&gt;bold&lt;/b&gt; &amp; more",
    "שלום עולם",
    "word " * 120,
)


def import_bundle(source: Path, target: Path, name: str, origin: ModelSource) -> None:
    """Write the bundle of a repository into the empty folder `target`. `name`: of the bundle. Raises BundleError."""
    layout = read_repository_layout(source)
    goldens = sorted(p.name for p in (default_folder() / "goldens").iterdir() if p.suffix != ".npz")
    (target / "goldens").mkdir(parents=True)
    for golden in goldens:
        shutil.copy(default_folder() / "goldens" / golden, target / "goldens" / golden)
    try:
        graph = source / "visual" / "model.onnx"
        facts = fold_image(graph, target / "model.onnx", layout.size, layout.mean, layout.std)
        vectors = _write_reference(layout, graph, facts.normalises, [target / "goldens" / golden for golden in goldens])
        text = None if layout.text is None else _write_text(layout, layout.text, target)
    except GraphError as error:
        raise BundleError(str(error)) from error
    description = _description(layout, facts, vectors, name, origin, goldens) | {
        "graph_sha256": sha256_of(target / "model.onnx")
    }
    (target / "bundle.json").write_text(json.dumps(description | ({"text": text} if text else {}), indent=1), "utf-8")


def _description(
    layout: RepositoryLayout,
    facts: GraphFacts,
    vectors: np.ndarray,
    name: str,
    origin: ModelSource,
    goldens: list[str],
) -> dict[str, Any]:
    return {
        "name": name,
        "version": 2,
        "licence": "see the source",
        "graph": "model.onnx",
        "dims": vectors.shape[1],
        "input": {
            "name": PIXELS_INPUT,
            "layout": "NHWC",
            "dtype": "uint8",
            "height": layout.size,
            "width": layout.size,
        },
        "output": {"name": VECTOR_OUTPUT, "normalised": True},
        "preprocess": {
            "resize": layout.resize,
            "interpolation": layout.interpolation,
            "scaled_jpeg": 0.0,
            "background": list(BACKGROUND),
            "mean": layout.mean,
            "std": layout.std,
        },
        "near_duplicate_cosine": NEAR_DUPLICATE_COSINE,
        "opset": facts.opset,
        "seed": 0,
        "made_with": _versions(),
        "goldens": goldens,
        "golden_threshold": 0.999,
        "golden_decibels": 40.0,
        "precision": facts.precision,
        "source": origin._asdict(),
        "attested": {},
    }


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("onnx", "numpy", "pillow")}


def _write_reference(layout: RepositoryLayout, graph: Path, takes_pixels: bool, goldens: list[Path]) -> np.ndarray:
    """Write goldens/reference.npz by the source's own pipeline; return the vectors, float32 [N, dims]."""
    recipe = Recipe(layout.size, layout.size, layout.resize, layout.interpolation)  # type: ignore[arg-type]
    pixels = np.stack([_pixels(path, recipe) for path in goldens])
    mean, std = np.array(layout.mean, np.float32), np.array(layout.std, np.float32)
    normalised = (pixels.astype(np.float32) / 255 - mean) / std
    raw = run_once(graph, pixels if takes_pixels else normalised.transpose(0, 3, 1, 2))
    vectors: np.ndarray = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    np.savez_compressed(goldens[0].parent / "reference.npz", pixels=pixels, vectors=vectors)
    return vectors


def _pixels(path: Path, recipe: Recipe) -> np.ndarray:
    """Return uint8 [size, size, 3]: decoded in full by Pillow, upright, over white, resized once, cropped."""
    with Image.open(path) as opened:
        upright = ImageOps.exif_transpose(opened)
    if upright.mode.startswith("I;16"):
        upright = Image.fromarray(np.rint(np.asarray(upright).astype(np.float32) / 257).astype(np.uint8))
    if upright.has_transparency_data:
        background = Image.new("RGBA", upright.size, (*BACKGROUND, 255))
        upright = Image.alpha_composite(background, upright.convert("RGBA"))
    image = upright.convert("RGB").resize(recipe.resized_size(*upright.size), FILTERS[recipe.interpolation])
    left, top = recipe.crop_offset(image.width, recipe.width), recipe.crop_offset(image.height, recipe.height)
    return np.asarray(image.crop((left, top, left + recipe.width, top + recipe.height)))


def _write_text(layout: RepositoryLayout, text: TextLayout, target: Path) -> dict[str, Any]:
    """Write the text tower; return its part of bundle.json."""
    from models.runtime.text_encoder import read_tokenizer, token_rows

    _, has_mask = fold_text(layout.folder / "textual" / "model.onnx", target / "text.onnx", text.length)
    shutil.copy(layout.folder / "textual" / "tokenizer.json", target / "tokenizer.json")
    tokenizer = read_tokenizer(target / "tokenizer.json")
    pad = tokenizer.token_to_id(text.pad)
    if pad is None:
        raise BundleError(f"the tokeniser does not know its own pad_token {text.pad!r}: pull the model again")
    ids, mask = token_rows(tokenizer, list(GOLDEN_STRINGS), text.clean, text.length, pad)
    vectors = run_once(target / "text.onnx", *((ids, mask) if has_mask else (ids,)))
    np.savez_compressed(target / "goldens" / "text.npz", ids=ids, vectors=vectors)
    return describe_text_tower(
        target,
        clean=text.clean,
        length=text.length,
        pad=pad,
        side="right",
        inputs=(TOKENS_INPUT, TOKENS_INPUT + "_mask" if has_mask else None),
        output=VECTOR_OUTPUT,
        logit=(None, None),
        goldens=list(GOLDEN_STRINGS),
    )

"""Loading of a bundle: a model folder with its graphs, bundle.json and goldens, verified by digest.

Version 2 of the format adds the model's `source`, its `precision`, the required similarity of the goldens' pixels, and
an optional text tower. Version 1 is supported as well.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from models.bundle.schema import (
    REMEDY,
    BundleError,
    KeyTypes,
    check_choice,
    check_digest,
    check_golden_present,
    check_keys,
    read_json_object,
)
from models.bundle.text_tower import TextTower, read_text_tower
from models.recipe import Colour, Interpolation, Recipe, Resize, Rounding

__all__ = ["Bundle", "BundleError", "ModelSource", "Precision", "default_folder", "load_bundle"]

Precision = Literal["fp32", "fp16", "int8"]
REQUIRED_KEYS: KeyTypes = {
    "name": str,
    "version": int,
    "licence": str,
    "graph": str,
    "graph_sha256": str,
    "dims": int,
    "input": dict,
    "output": dict,
    "preprocess": dict,
    "near_duplicate_cosine": float,
    "opset": int,
    "seed": int,
    "made_with": dict,
    "goldens": list,
    "golden_threshold": float,
}
REQUIRED_KEYS_V2: KeyTypes = {"source": dict, "precision": str, "golden_decibels": float, "attested": dict}
OPTIONAL_KEYS_V2: KeyTypes = {"text": (dict, type(None))}
REQUIRED_INPUT_KEYS: KeyTypes = {"name": str, "layout": str, "dtype": str, "height": int, "width": int}
REQUIRED_OUTPUT_KEYS: KeyTypes = {"name": str, "normalised": bool}
REQUIRED_PREPROCESS_KEYS: KeyTypes = {"resize": str, "interpolation": str, "scaled_jpeg": float, "background": list}
OPTIONAL_PREPROCESS_KEYS: KeyTypes = {
    "edge": list,
    "rounding": str,
    "centre": str,
    "fill": list,
    "mean": list,
    "std": list,
}
REQUIRED_SOURCE_KEYS: KeyTypes = {"family": str, "name": str, "revision": str}


class ModelSource(NamedTuple):
    """The origin of a model. `revision`: of its weights (a tag, a commit, a digest), or "random seed N"."""

    family: str = ""
    name: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle.

    `id`: 16 hex digits over graph and preprocessing; vectors of different ids are not comparable.
    `near_duplicate_cosine`: two images with at least this cosine count as near duplicates. `goldens`: paths of the
    images that attestation embeds; `reference` holds their pixels (uint8 [N,H,W,3]) and vectors (float32 [N,dims]).
    `golden_decibels`: minimum PSNR of our exactly decoded pixels to those; None: only vectors are compared.
    `attested`: the exporter's measurements. `text`: None if the model supports images only.
    """

    folder: Path
    name: str
    version: int
    id: str
    licence: str
    graph: Path
    dims: int
    recipe: Recipe
    input_name: str
    output_name: str
    near_duplicate_cosine: float
    goldens: tuple[Path, ...]
    reference: Path
    golden_threshold: float
    golden_decibels: float | None = None
    precision: Precision = "fp32"
    opset: int = 0
    source: ModelSource = field(default=ModelSource())
    made_with: dict[str, str] = field(default_factory=dict)
    attested: dict[str, Any] = field(default_factory=dict)
    text: TextTower | None = None


def default_folder() -> Path:
    """Return the folder of the bundle that ships with the package."""
    return Path(__file__).parents[1] / "default"


def load_bundle(folder: Path) -> Bundle:
    """Load a bundle.

    Raises BundleError for a missing folder, a missing or unknown key, a missing or altered file, missing goldens.
    """
    if not folder.is_dir():
        raise BundleError(f"no model in {folder}: the folder does not exist; {REMEDY}")
    description = read_json_object(folder / "bundle.json")
    context = str(folder / "bundle.json")
    _check_description(context, description)
    graph = folder / description["graph"]
    check_digest(graph, description["graph_sha256"])
    goldens = tuple(folder / "goldens" / name for name in description["goldens"])
    reference = folder / "goldens" / "reference.npz"
    for path in (*goldens, *([reference] if goldens else [])):
        check_golden_present(path, "the model")
    text = description.get("text")
    return Bundle(
        folder=folder,
        name=description["name"],
        version=description["version"],
        id=_bundle_id(description),
        licence=description["licence"],
        graph=graph,
        dims=description["dims"],
        recipe=_recipe(context, description),
        input_name=description["input"]["name"],
        output_name=description["output"]["name"],
        near_duplicate_cosine=float(description["near_duplicate_cosine"]),
        goldens=goldens,
        reference=reference,
        golden_threshold=float(description["golden_threshold"]),
        golden_decibels=float(description["golden_decibels"]) if "golden_decibels" in description else None,
        precision=description.get("precision", "fp32"),
        opset=description["opset"],
        source=ModelSource(**description.get("source", {})),
        made_with=description["made_with"],
        attested=description.get("attested", {}),
        text=read_text_tower(folder, text) if text else None,
    )


def _check_description(context: str, description: dict[str, Any]) -> None:
    if type(description.get("version")) is int:
        check_choice(context, "version", description["version"], (1, 2))
    is_v2 = description.get("version") == 2
    required = REQUIRED_KEYS | (REQUIRED_KEYS_V2 if is_v2 else {})
    check_keys(context, description, required, OPTIONAL_KEYS_V2 if is_v2 else {})
    check_keys(f"{context}, input", description["input"], REQUIRED_INPUT_KEYS)
    check_keys(f"{context}, output", description["output"], REQUIRED_OUTPUT_KEYS)
    optional = OPTIONAL_PREPROCESS_KEYS if is_v2 else {}
    check_keys(f"{context}, preprocess", description["preprocess"], REQUIRED_PREPROCESS_KEYS, optional)
    if is_v2:
        check_keys(f"{context}, source", description["source"], REQUIRED_SOURCE_KEYS)
        check_choice(context, "precision", description["precision"], get_args(Precision))


def _recipe(context: str, description: dict[str, Any]) -> Recipe:
    model_input, preprocess = description["input"], description["preprocess"]
    for key, value, choices in (
        ("input layout", model_input["layout"], ("NHWC",)),
        ("input dtype", model_input["dtype"], ("uint8",)),
        ("preprocess resize", preprocess["resize"], get_args(Resize)),
        ("preprocess interpolation", preprocess["interpolation"], get_args(Interpolation)),
        ("preprocess rounding", preprocess.get("rounding", "down"), get_args(Rounding)),
        ("preprocess centre", preprocess.get("centre", "down"), get_args(Rounding)),
    ):
        check_choice(context, key, value, choices)
    return Recipe(
        height=model_input["height"],
        width=model_input["width"],
        resize=preprocess["resize"],
        interpolation=preprocess["interpolation"],
        scaled_jpeg=float(preprocess["scaled_jpeg"]),
        background=_colour(context, "background", preprocess["background"]),
        edge=_edge(context, model_input, preprocess["edge"]) if "edge" in preprocess else None,
        rounding=preprocess.get("rounding"),
        centre=preprocess.get("centre", "nearest"),
        fill=_colour(context, "fill", preprocess["fill"]) if "fill" in preprocess else None,
    )


def _colour(context: str, key: str, numbers: list[Any]) -> Colour:
    if len(numbers) != 3 or not all(type(part) is int and 0 <= part <= 255 for part in numbers):
        raise BundleError(f"{context}: preprocess {key} must be three numbers 0..255; correct it")
    red, green, blue = numbers
    return red, green, blue


def _edge(context: str, model_input: dict[str, Any], edge: list[Any]) -> tuple[int, int]:
    if len(edge) != 2 or not all(type(part) is int and part > 0 for part in edge):
        raise BundleError(f"{context}: preprocess edge must be a height and a width in pixels; correct it")
    height, width = edge
    if height < model_input["height"] or width < model_input["width"]:
        raise BundleError(f"{context}: preprocess edge is smaller than the input; correct it")
    return height, width


def _bundle_id(description: dict[str, Any]) -> str:
    """Return a hash of all that changes vectors: a new licence text or threshold must not cause re-embedding."""
    relevant = [description["graph_sha256"], description["input"], description["output"], description["preprocess"]]
    canonical = json.dumps(relevant, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]

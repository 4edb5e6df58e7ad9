"""A model on disk: a folder with its graphs, its description and its goldens. Read, checked by digest, never guessed.

Version 2 of the format says where the model came from (`source`), in which `precision` it is stored, how like its
goldens' pixels must be, and may hold a text tower; version 1 is read as before.
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
    """Where a model came from. `revision`: of its weights (a tag, a commit, a digest), or "random seed N"."""

    family: str = ""
    name: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """`id`: 16 hex digits over graph and preprocessing; vectors of different ids are not comparable.

    `near_duplicate_cosine`: at and above it two pictures count as near copies. `goldens`: paths of the pictures that
    attestation embeds; `reference` holds their pixels (uint8 [N,H,W,3]) and vectors (float32 [N,dims]).
    `golden_decibels`: least likeness (PSNR) of our pixels to those, decoded exactly; None: vectors alone are compared.
    `attested`: what the exporter measured. `text`: None where the model knows pictures only.
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
    normalised: bool
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
    """The bundle that ships inside the package."""
    return Path(__file__).parents[1] / "default"


def load_bundle(folder: Path) -> Bundle:
    """Raises BundleError for an absent folder, a missing or unknown key, an absent or altered file, lost goldens."""
    said = _read_description(folder)
    where = str(folder / "bundle.json")
    _check_description(where, said)
    graph = folder / said["graph"]
    check_digest(graph, said["graph_sha256"])
    goldens = tuple(folder / "goldens" / name for name in said["goldens"])
    reference = folder / "goldens" / "reference.npz"
    for path in (*goldens, *([reference] if goldens else [])):
        check_golden_present(path, "the model")
    text = said.get("text")
    return Bundle(
        folder=folder,
        name=said["name"],
        version=said["version"],
        id=_bundle_id(said),
        licence=said["licence"],
        graph=graph,
        dims=said["dims"],
        recipe=_recipe(where, said),
        input_name=said["input"]["name"],
        output_name=said["output"]["name"],
        normalised=said["output"]["normalised"],
        near_duplicate_cosine=float(said["near_duplicate_cosine"]),
        goldens=goldens,
        reference=reference,
        golden_threshold=float(said["golden_threshold"]),
        golden_decibels=float(said["golden_decibels"]) if "golden_decibels" in said else None,
        precision=said.get("precision", "fp32"),
        opset=said["opset"],
        source=ModelSource(**said.get("source", {})),
        made_with=said["made_with"],
        attested=said.get("attested", {}),
        text=read_text_tower(folder, text) if text else None,
    )


def _read_description(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise BundleError(f"no model in {folder}: the folder does not exist; {REMEDY}")
    return read_json_object(folder / "bundle.json")


def _check_description(where: str, said: dict[str, Any]) -> None:
    if type(said.get("version")) is int:
        check_choice(where, "version", said["version"], (1, 2))
    second = said.get("version") == 2
    check_keys(where, said, REQUIRED_KEYS | (REQUIRED_KEYS_V2 if second else {}), OPTIONAL_KEYS_V2 if second else {})
    check_keys(f"{where}, input", said["input"], REQUIRED_INPUT_KEYS)
    check_keys(f"{where}, output", said["output"], REQUIRED_OUTPUT_KEYS)
    check_keys(
        f"{where}, preprocess", said["preprocess"], REQUIRED_PREPROCESS_KEYS, OPTIONAL_PREPROCESS_KEYS if second else {}
    )
    if second:
        check_keys(f"{where}, source", said["source"], REQUIRED_SOURCE_KEYS)
        check_choice(where, "precision", said["precision"], get_args(Precision))


def _recipe(where: str, said: dict[str, Any]) -> Recipe:
    entry, ways = said["input"], said["preprocess"]
    for what, value, choices in (
        ("input layout", entry["layout"], ("NHWC",)),
        ("input dtype", entry["dtype"], ("uint8",)),
        ("preprocess resize", ways["resize"], get_args(Resize)),
        ("preprocess interpolation", ways["interpolation"], get_args(Interpolation)),
        ("preprocess rounding", ways.get("rounding", "down"), get_args(Rounding)),
        ("preprocess centre", ways.get("centre", "down"), get_args(Rounding)),
    ):
        check_choice(where, what, value, choices)
    return Recipe(
        height=entry["height"],
        width=entry["width"],
        resize=ways["resize"],
        interpolation=ways["interpolation"],
        scaled_jpeg=float(ways["scaled_jpeg"]),
        background=_colour(where, "background", ways["background"]),
        edge=_edge(where, entry, ways["edge"]) if "edge" in ways else None,
        rounding=ways.get("rounding"),
        centre=ways.get("centre", "nearest"),
        fill=_colour(where, "fill", ways["fill"]) if "fill" in ways else None,
    )


def _colour(where: str, what: str, said: list[Any]) -> Colour:
    if len(said) != 3 or not all(type(part) is int and 0 <= part <= 255 for part in said):
        raise BundleError(f"{where}: preprocess {what} must be three numbers 0..255; correct it")
    red, green, blue = said
    return red, green, blue


def _edge(where: str, entry: dict[str, Any], said: list[Any]) -> tuple[int, int]:
    if len(said) != 2 or not all(type(part) is int and part > 0 for part in said):
        raise BundleError(f"{where}: preprocess edge must be a height and a width in pixels; correct it")
    if said[0] < entry["height"] or said[1] < entry["width"]:
        raise BundleError(f"{where}: preprocess edge is smaller than the input; correct it")
    return said[0], said[1]


def _bundle_id(said: dict[str, Any]) -> str:
    """Only what changes vectors: a new licence text or another threshold must not cost an embedding of everything."""
    decisive = [said["graph_sha256"], said["input"], said["output"], said["preprocess"]]
    canonical = json.dumps(decisive, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]

"""A model on disk: a folder with a graph, its description and its goldens. Read, checked by digest, never guessed."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from models.recipe import Interpolation, Recipe, Resize

NEEDED = {
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
NEEDED_INPUT = {"name": str, "layout": str, "dtype": str, "height": int, "width": int}
NEEDED_OUTPUT = {"name": str, "normalised": bool}
NEEDED_PREPROCESS = {"resize": str, "interpolation": str, "scaled_jpeg": float, "background": list}
REMEDY = "reinstall it, or choose another with `catalog model use`"


class BundleError(Exception):
    """A bundle that cannot be used; the message says which file, what is wrong with it, and what to do."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """`id`: 16 hex digits over graph and preprocessing; vectors of different ids are not comparable.

    `near_duplicate_cosine`: at and above it two pictures count as near copies. `goldens`: paths of the pictures that
    attestation embeds; `reference` holds their pixels (uint8 [N,H,W,3]) and vectors (float32 [N,dims]).
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


def default_folder() -> Path:
    """The bundle that ships inside the package."""
    return Path(__file__).parent / "default"


def load_bundle(folder: Path) -> Bundle:
    """Raises BundleError for an absent folder, a missing or unknown key, an absent or altered graph, lost goldens."""
    said = _description(folder)
    _check_keys(folder, "", said, NEEDED)
    for part, needed in (("input", NEEDED_INPUT), ("output", NEEDED_OUTPUT), ("preprocess", NEEDED_PREPROCESS)):
        _check_keys(folder, part, said[part], needed)
    graph = folder / said["graph"]
    _check_graph(graph, said["graph_sha256"])
    goldens = tuple(folder / "goldens" / name for name in said["goldens"])
    reference = folder / "goldens" / "reference.npz"
    for path in (*goldens, *([reference] if goldens else [])):
        if not path.is_file():
            raise BundleError(f"{path} is missing, so the model cannot be attested: {REMEDY}")
    return Bundle(
        folder=folder,
        name=said["name"],
        version=said["version"],
        id=_digest(said),
        licence=said["licence"],
        graph=graph,
        dims=said["dims"],
        recipe=_recipe(folder, said),
        input_name=said["input"]["name"],
        output_name=said["output"]["name"],
        normalised=said["output"]["normalised"],
        near_duplicate_cosine=float(said["near_duplicate_cosine"]),
        goldens=goldens,
        reference=reference,
        golden_threshold=float(said["golden_threshold"]),
    )


def _description(folder: Path) -> dict[str, Any]:
    path = folder / "bundle.json"
    if not folder.is_dir():
        raise BundleError(f"no model in {folder}: the folder does not exist; {REMEDY}")
    try:
        said = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{path} is missing: the folder holds no model bundle; {REMEDY}") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read ({error}): {REMEDY}") from error
    if not isinstance(said, dict):
        raise BundleError(f"{path} is not a JSON object: {REMEDY}")
    return said


def _check_keys(folder: Path, part: str, said: dict[str, Any], needed: dict[str, type]) -> None:
    where = f"{folder / 'bundle.json'}{f', {part}' if part else ''}"
    if missing := sorted(needed.keys() - said.keys()):
        raise BundleError(f"{where}: missing {', '.join(missing)}; add them or export the model again")
    if unknown := sorted(said.keys() - needed.keys()):
        raise BundleError(
            f"{where}: unknown {', '.join(unknown)}; remove them, or upgrade catalogd if the model is newer"
        )
    for key, kind in needed.items():
        number = kind is float and type(said[key]) is int
        if type(said[key]) is not kind and not number:
            raise BundleError(f"{where}: {key} must be {kind.__name__}, not {said[key]!r}; correct it")


def _check_graph(graph: Path, expected: str) -> None:
    try:
        with graph.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"{graph} cannot be read ({error.strerror}): {REMEDY}") from error
    if actual != expected:
        raise BundleError(f"{graph} was altered or cut (sha256 {actual[:12]}…, expected {expected[:12]}…): {REMEDY}")


def _recipe(folder: Path, said: dict[str, Any]) -> Recipe:
    entry, ways = said["input"], said["preprocess"]
    allowed = (
        ("input layout", entry["layout"], ("NHWC",)),
        ("input dtype", entry["dtype"], ("uint8",)),
        ("preprocess resize", ways["resize"], get_args(Resize)),
        ("preprocess interpolation", ways["interpolation"], get_args(Interpolation)),
    )
    for what, value, choices in allowed:
        if value not in choices:
            raise BundleError(
                f"{folder / 'bundle.json'}: {what} {value!r} is not one of {', '.join(choices)}; correct it"
            )
    if len(ways["background"]) != 3 or not all(type(c) is int and 0 <= c <= 255 for c in ways["background"]):
        raise BundleError(f"{folder / 'bundle.json'}: preprocess background must be three numbers 0..255; correct it")
    red, green, blue = ways["background"]
    return Recipe(
        height=entry["height"],
        width=entry["width"],
        resize=ways["resize"],
        interpolation=ways["interpolation"],
        scaled_jpeg=float(ways["scaled_jpeg"]),
        background=(red, green, blue),
    )


def _digest(said: dict[str, Any]) -> str:
    """Only what changes vectors: a new licence text or another threshold must not cost an embedding of everything."""
    decisive = [said["graph_sha256"], said["input"], said["output"], said["preprocess"]]
    canonical = json.dumps(decisive, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]

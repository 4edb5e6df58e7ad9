"""The text tower of a bundle: a graph from token ids to vectors, its tokeniser, its goldens."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from models.bundle.schema import KeyTypes, check_choice, check_digest, check_golden_present, check_keys, sha256_of
from models.bundle.text_cleaning import CleaningStep

PaddingSide = Literal["left", "right"]
REQUIRED_KEYS: KeyTypes = {
    "graph": str,
    "graph_sha256": str,
    "tokenizer": str,
    "tokenizer_sha256": str,
    "clean": list,
    "length": int,
    "pad": int,
    "ids": str,
    "mask": (str, type(None)),
    "output": str,
    "logit_scale": (float, type(None)),
    "logit_bias": (float, type(None)),
    "goldens": list,
}
OPTIONAL_KEYS: KeyTypes = {"side": str}
ID_KEYS = ("graph_sha256", "tokenizer_sha256", "clean", "length", "pad", "side", "ids", "mask", "output")


class TextTower(NamedTuple):
    """A verified text tower.

    `id`: 16 hex digits over graph, tokeniser and cleaning; text vectors of different ids are not comparable. `clean`:
    steps before the tokeniser. `length`: tokens per row, padded with `pad` at `side`. `ids`, `mask`: names of the
    graph's inputs, int64 [N, length]; the mask is 1 for a token; None if the model takes no mask. `logit_scale`,
    `logit_bias`: the model's own mapping of a cosine (scale * cosine + bias, before softmax for CLIP, before the
    sigmoid for SigLIP), or None. `goldens`: strings whose ids and vectors are in `reference` (int64 [N, length],
    float32 [N, dims]).
    """

    id: str
    graph: Path
    tokenizer: Path
    clean: tuple[CleaningStep, ...]
    length: int
    pad: int
    side: PaddingSide
    ids: str
    mask: str | None
    output: str
    logit_scale: float | None
    logit_bias: float | None
    goldens: tuple[str, ...]
    reference: Path


def describe_text_tower(
    folder: Path,
    *,
    clean: tuple[CleaningStep, ...],
    length: int,
    pad: int,
    side: PaddingSide,
    inputs: tuple[str, str | None],
    output: str,
    logit: tuple[float | None, float | None],
    goldens: list[str],
) -> dict[str, Any]:
    """Return the description that `read_text_tower` reads, for text.onnx and tokenizer.json in `folder`.

    `inputs`: names of ids and mask.
    """
    return {
        "graph": "text.onnx",
        "graph_sha256": sha256_of(folder / "text.onnx"),
        "tokenizer": "tokenizer.json",
        "tokenizer_sha256": sha256_of(folder / "tokenizer.json"),
        "clean": list(clean),
        "length": length,
        "pad": pad,
        "side": side,
        "ids": inputs[0],
        "mask": inputs[1],
        "output": output,
        "logit_scale": logit[0],
        "logit_bias": logit[1],
        "goldens": goldens,
    }


def _tower_id(description: dict[str, Any]) -> str:
    """Return a hash of the text tower. The bundle's id does not cover it: image vectors stay valid if it changes."""
    text = json.dumps([description.get(key) for key in ID_KEYS])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_text_tower(folder: Path, description: dict[str, Any]) -> TextTower:
    """Read and verify the text tower. Raises BundleError for a wrong key, and a missing or altered file or golden."""
    context = f"{folder / 'bundle.json'}, text"
    check_keys(context, description, REQUIRED_KEYS, OPTIONAL_KEYS)
    for step in description["clean"]:
        check_choice(context, "clean", step, get_args(CleaningStep))
    check_choice(context, "side", description.get("side", "right"), get_args(PaddingSide))
    graph, tokenizer = folder / description["graph"], folder / description["tokenizer"]
    reference = folder / "goldens" / "text.npz"
    check_digest(graph, description["graph_sha256"])
    check_digest(tokenizer, description["tokenizer_sha256"])
    check_golden_present(reference, "its text")
    scale, bias = description["logit_scale"], description["logit_bias"]
    return TextTower(
        id=_tower_id(description),
        graph=graph,
        tokenizer=tokenizer,
        clean=tuple(description["clean"]),
        length=description["length"],
        pad=description["pad"],
        side=description.get("side", "right"),
        ids=description["ids"],
        mask=description["mask"],
        output=description["output"],
        logit_scale=None if scale is None else float(scale),
        logit_bias=None if bias is None else float(bias),
        goldens=tuple(description["goldens"]),
        reference=reference,
    )

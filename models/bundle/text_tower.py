"""The text half of a bundle, as described: a graph from token ids to vectors, its tokeniser, its goldens."""

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
    """`id`: 16 hex digits over graph, tokeniser and what is done before them; vectors of texts of different ids are not
    comparable. `clean`: what happens to a string before the tokeniser. `length`: tokens a row, filled with `pad` at
    `side`.

    `ids`, `mask`: inputs of the graph, int64 [N, length]; the mask is 1 where a token stands, None where the model
    takes none. `logit_scale`, `logit_bias`: what the model's own head makes of a cosine (scale * cosine + bias, before
    softmax for CLIP, before the sigmoid for SigLIP), None where it has none. `goldens`: strings whose ids and
    vectors `reference` holds (int64 [N, length], float32 [N, dims]).
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
    """What `read_tower` reads, of a folder that holds text.onnx and tokenizer.json. `inputs`: ids and mask."""
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


def _tower_id(said: dict[str, Any]) -> str:
    """A bundle's own id does not cover its text half: the vectors of its pictures stay when that is changed."""
    text = json.dumps([said.get(key) for key in ID_KEYS])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_text_tower(folder: Path, said: dict[str, Any]) -> TextTower:
    """Raises BundleError for a wrong key, a missing or altered graph or tokeniser, lost goldens."""
    where = f"{folder / 'bundle.json'}, text"
    check_keys(where, said, REQUIRED_KEYS, OPTIONAL_KEYS)
    for step in said["clean"]:
        check_choice(where, "clean", step, get_args(CleaningStep))
    check_choice(where, "side", said.get("side", "right"), get_args(PaddingSide))
    graph, tokenizer, reference = folder / said["graph"], folder / said["tokenizer"], folder / "goldens" / "text.npz"
    check_digest(graph, said["graph_sha256"])
    check_digest(tokenizer, said["tokenizer_sha256"])
    check_golden_present(reference, "its text")
    scale, bias = said["logit_scale"], said["logit_bias"]
    return TextTower(
        id=_tower_id(said),
        graph=graph,
        tokenizer=tokenizer,
        clean=tuple(said["clean"]),
        length=said["length"],
        pad=said["pad"],
        side=said.get("side", "right"),
        ids=said["ids"],
        mask=said["mask"],
        output=said["output"],
        logit_scale=None if scale is None else float(scale),
        logit_bias=None if bias is None else float(bias),
        goldens=tuple(said["goldens"]),
        reference=reference,
    )

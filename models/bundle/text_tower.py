"""The text half of a bundle, as described: a graph from token ids to vectors, its tokeniser, its goldens."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from models.bundle.schema import Needed, check_choice, check_digest, check_keys, check_present, sha256_of
from models.bundle.text_cleaning import Step

Side = Literal["left", "right"]
NEEDED: Needed = {
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
OPTIONAL: Needed = {"side": str}
MEANING = ("graph_sha256", "tokenizer_sha256", "clean", "length", "pad", "side", "ids", "mask", "output")


class Tower(NamedTuple):
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
    clean: tuple[Step, ...]
    length: int
    pad: int
    side: Side
    ids: str
    mask: str | None
    output: str
    logit_scale: float | None
    logit_bias: float | None
    goldens: tuple[str, ...]
    reference: Path


def tower_words(
    folder: Path,
    *,
    clean: tuple[Step, ...],
    length: int,
    pad: int,
    side: Side,
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


def _digest(said: dict[str, Any]) -> str:
    """A bundle's own id does not cover its text half: the vectors of its pictures stay when that is changed."""
    text = json.dumps([said.get(key) for key in MEANING])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_tower(folder: Path, said: dict[str, Any]) -> Tower:
    """Raises BundleError for a wrong key, a missing or altered graph or tokeniser, lost goldens."""
    where = f"{folder / 'bundle.json'}, text"
    check_keys(where, said, NEEDED, OPTIONAL)
    for step in said["clean"]:
        check_choice(where, "clean", step, get_args(Step))
    check_choice(where, "side", said.get("side", "right"), get_args(Side))
    graph, tokenizer, reference = folder / said["graph"], folder / said["tokenizer"], folder / "goldens" / "text.npz"
    check_digest(graph, said["graph_sha256"])
    check_digest(tokenizer, said["tokenizer_sha256"])
    check_present(reference, "its text")
    scale, bias = said["logit_scale"], said["logit_bias"]
    return Tower(
        id=_digest(said),
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

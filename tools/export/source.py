"""The models that a family passes to the exporter: PyTorch modules, with the source's own preprocessing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from models.bundle.schema import sha256_of
from models.bundle.text_cleaning import CleaningStep
from models.bundle.text_tower import PaddingSide
from models.recipe import Recipe

Triple = tuple[float, float, float]
Transform = Callable[[Image.Image], torch.Tensor]
Tokenise = Callable[[list[str]], tuple[np.ndarray, np.ndarray | None]]


class ExportError(Exception):
    """A model that cannot be exported; the message names the part, and what to do."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """`recipe`: from a file to pixels, decoded exactly. `mean`, `std`: of values 0..1, at the graph's start."""

    recipe: Recipe
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class TextSource:
    """The text tower. `module`: (ids, mask) int64 [N, length] to [N, d]; it may ignore the mask.

    `tokenise`: the source's own, strings to (ids, mask or None without one). `tokenizer`: the same as
    tokenizer.json, after the steps of `clean`. `pad`: the id of padding, at `side`.
    """

    module: nn.Module
    tokenise: Tokenise
    tokenizer: str
    clean: tuple[CleaningStep, ...]
    length: int
    pad: int
    side: PaddingSide = "right"
    masked: bool = False
    logit_scale: float | None = None
    logit_bias: float | None = None


@dataclass(frozen=True, slots=True)
class ExportSource:
    """`image`: float [N, 3, H, W] as `transform` gives them, to [N, d]. `transform`: the source's own, from RGB.

    `revision`: of the weights, or "random seed N". `packages`: those whose versions go into `made_with`.
    """

    family: str
    name: str
    revision: str
    image: nn.Module
    transform: Transform
    preprocess: Preprocessing
    words: TextSource | None = None
    licence: str = ""
    packages: tuple[str, ...] = field(default=())


def revision(weights: Path | None, seed: int | None, published: str) -> str:
    """Return the name of the weights: "random seed N", the digest of a local file, or the published revision."""
    if seed is not None:
        return f"random seed {seed}"
    if weights is None:
        return published
    return f"{weights.name} sha256:{sha256_of(weights)[:16]}"

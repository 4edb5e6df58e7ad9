"""Reference vectors of the goldens by the source itself: Pillow, its transform, PyTorch in float32."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from tools.export.source import ExportSource, Preprocessing, TextSource
from tools.goldens import open_as_displayed

BATCH = 4


def picture_vectors(source: ExportSource, paths: Iterable[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Return (pixels uint8 [N, H, W, 3], unit vectors float32 [N, d]) of files.

    The transform gets the image as a viewer shows it: upright, over the background, eight bits. Pillow's own
    `convert("RGB")` turns sixteen bits white and shows hidden colours; no model depends on that.
    """
    values = torch.stack([source.transform(open_as_displayed(path)) for path in paths])
    with torch.inference_mode():
        features = torch.cat([source.image(part) for part in torch.split(values, BATCH)])
    return _pixels(values, source.preprocess), _unit(features)


def text_vectors(words: TextSource, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return (ids int64 [N, length], unit vectors float32 [N, d]) of strings, by the source's own tokeniser."""
    ids, mask = words.tokenise(texts)
    mask_tensor = None if mask is None else torch.from_numpy(mask)
    with torch.inference_mode():
        features = words.module(torch.from_numpy(ids), mask_tensor)
    return ids, _unit(features)


def _pixels(values: torch.Tensor, preprocess: Preprocessing) -> np.ndarray:
    mean, std = (torch.tensor(part).view(1, 3, 1, 1) for part in (preprocess.mean, preprocess.std))
    whole = ((values * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(whole.permute(0, 2, 3, 1).numpy())


def _unit(features: torch.Tensor) -> np.ndarray:
    unit: np.ndarray = functional.normalize(features.float(), dim=-1).numpy()
    return unit

"""The goldens of the default model: image files, and their pixels and vectors by PyTorch."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from tools.goldens import GOLDEN_FILES, write_pictures

from .reference import reference_pixels


def write_goldens(model: nn.Module, folder: Path, seed: int, size: int) -> list[str]:
    """Write the files and `reference.npz`; return the files' names in the order of the arrays."""
    names = write_pictures(folder, seed, GOLDEN_FILES)
    stacked = np.stack([reference_pixels(folder / name, size) for name in names])
    with torch.inference_mode():
        vectors = model(torch.from_numpy(stacked)).numpy()
    np.savez_compressed(folder / "reference.npz", pixels=stacked, vectors=vectors)
    return names

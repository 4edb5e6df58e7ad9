"""Helpers of the decoder tests: the decoded picture, the error, and Pillow's result for comparison."""

import numpy as np
import pytest
from PIL import Image

from models.picture import DecodeError, Picture, Recipe, read_picture

EXACT = Recipe(48, 64, "squash", "bicubic", 0)


def read(data: bytes, recipe: Recipe = EXACT) -> Picture:
    return read_picture(data, recipe)


def refusal(data: bytes) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        read(data)
    return caught.value


def resized(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB").resize((64, 48), Image.Resampling.BICUBIC))

"""Colours with the covariance of natural pictures, made up without looking at any picture."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .pixels import Colour

Palette = NDArray[np.float32]
"""Colours, float32 [n, 3], 0..255."""

# Natural pictures vary most in brightness, then from blue to yellow, least from red to green.
OPPONENT = np.array([[0.577, 0.577, 0.577], [0.408, 0.408, -0.816], [0.707, -0.707, 0.0]], dtype=np.float32)
SPREAD = np.array([95.0, 26.0, 10.0], dtype=np.float32)
VIVID_SHARE = 0.18
GREY_SHARE = 0.07


def palette(style: Generator, size: int) -> Palette:
    """Draw `size` colours that belong together."""
    kind = style.random()
    if kind < VIVID_SHARE:
        return style.uniform(0, 255, (size, 3)).astype(np.float32)
    mean = style.normal(0, 1, 3) * SPREAD * 0.7
    spread = SPREAD * style.lognormal(0, 0.35, 3) * 0.8
    colours = mean + style.normal(0, 1, (size, 3)) * spread
    if kind > 1 - GREY_SHARE:
        colours[:, 1:] = 0
    mixed = 118 + colours @ OPPONENT
    return np.clip(mixed, 0, 255).astype(np.float32)


def colour_covariance(style: Generator) -> Palette:
    """Draw a 3x3 matrix that turns three independent planes into correlated colour planes."""
    spread = SPREAD * style.lognormal(0, 0.4, 3) * np.array([0.45, 0.3, 0.3])
    turn = np.eye(3) + style.normal(0, 0.12, (3, 3))
    covariance: Palette = ((spread[:, None] * turn) @ OPPONENT).astype(np.float32)
    return covariance


def pick(rng: Generator, colours: Palette) -> Colour:
    """One colour of a palette as integers for Pillow."""
    red, green, blue = colours[rng.integers(len(colours))]
    return int(red), int(green), int(blue)


def shade(colour: Colour, amount: float) -> Colour:
    """Mix towards white (amount above 0) or black (below 0)."""
    target = 255 if amount > 0 else 0
    red, green, blue = (round(value + (target - value) * abs(amount)) for value in colour)
    return red, green, blue

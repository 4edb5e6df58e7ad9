"""Dead leaves: overlapping textured shapes with power-law sizes, the classic model of a photograph."""

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from .noise import coloured_noise, fractal_noise, turbulence
from .palette import palette
from .pixels import Pixels, Plane, grid, to_pixels

Points = list[tuple[float, float]]


def outline(rng: Generator, x: float, y: float, radius: float, kind: int) -> Points:
    """The corners of a closed shape: 0 ellipse, 1 box, 2 polygon, 3 wavy blob, 4 thin bar."""
    tilt = rng.uniform(0, 2 * np.pi)
    aspect = rng.uniform(0.35, 1)
    if kind == 1:
        angles = np.array([0.25, 0.75, 1.25, 1.75]) * np.pi
        tilt = tilt if rng.random() < 0.4 else 0
    elif kind == 2:
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 8)))
    elif kind == 4:
        angles = np.array([0.25, 0.75, 1.25, 1.75]) * np.pi
        aspect = rng.uniform(0.04, 0.15)
    else:
        angles = np.linspace(0, 2 * np.pi, 22, endpoint=False)
    reach = np.full(len(angles), radius)
    if kind == 3:
        for wave in range(2, 6):
            reach = reach * (1 + rng.normal(0, 0.5 / wave) * np.sin(wave * angles + rng.uniform(0, 6)))
    across, down = reach * np.cos(angles), reach * np.sin(angles) * aspect
    xs = x + across * np.cos(tilt) - down * np.sin(tilt)
    ys = y + across * np.sin(tilt) + down * np.cos(tilt)
    return list(zip(xs.tolist(), ys.tolist(), strict=True))


def leaf_map(style: Generator, rng: Generator, height: int, width: int) -> tuple[Plane, int]:
    """Number every pixel by the leaf that lies on top there: int32 [H, W], and how many leaves."""
    count = int(np.exp(style.uniform(np.log(4), np.log(160))))
    least = style.uniform(0.015, 0.1) * min(height, width)
    kinds = style.choice(5, int(style.integers(1, 4)), p=[0.28, 0.18, 0.18, 0.28, 0.08])
    canvas = Image.new("I", (width, height), 0)
    draw = ImageDraw.Draw(canvas)
    for leaf in range(1, count + 1):
        # A density of radius**-3 is what makes the picture look the same at every scale.
        radius = min(0.5 * max(height, width), least / np.sqrt(rng.uniform(0.004, 1)))
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        draw.polygon(outline(rng, x, y, radius, int(rng.choice(kinds))), fill=leaf)
    return np.asarray(canvas), count + 1


def dead_leaves(style: Generator, rng: Generator, height: int, width: int) -> Plane:
    """Colour, texture and shade every leaf by itself: float32 [H, W, 3]."""
    numbers, count = leaf_map(style, rng, height, width)
    colours = palette(style, int(style.integers(2, 12)))
    chosen = colours[rng.integers(len(colours), size=count)] + rng.normal(0, 9, (count, 3))
    textures = np.stack([turbulence(rng, height, width) for _ in range(3)])
    strength = rng.gamma(0.8, style.uniform(2, 22), count).astype(np.float32)
    texture = np.take_along_axis(textures, rng.integers(3, size=count)[numbers][None], 0)[0]
    rows, columns = grid(height, width)
    slopes = rng.normal(0, style.uniform(5, 50), (2, count)).astype(np.float32)
    relief = slopes[0][numbers] * (rows - 0.5) + slopes[1][numbers] * (columns - 0.5)
    light = texture * strength[numbers] + relief
    values: Plane = chosen.astype(np.float32)[numbers] + light[..., None]
    return values


def blurred(values: Plane, radius: float) -> Plane:
    """Gaussian blur by Pillow: float32 [H, W, 3] in 0..255, rounded to whole values."""
    image = Image.fromarray(to_pixels(values)).filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(image).astype(np.float32)


def apply_light(rng: Generator, values: Plane) -> Plane:
    """Uneven light: broad shadows, a vignette, sometimes a bright lamp or window."""
    height, width = values.shape[:2]
    light = 1 + rng.uniform(0, 0.3) * fractal_noise(rng, height, width, 1.9)
    rows, columns = grid(height, width)
    if rng.random() < 0.4:
        spot = rng.uniform(0, 1, 2)
        away = (rows - spot[0]) ** 2 + (columns - spot[1]) ** 2
        light = light + rng.uniform(-0.5, 0.9) * np.exp(-away / rng.uniform(0.02, 0.4))
    seen: Plane = (values * np.clip(light, 0.1, 2.2)[..., None]).astype(np.float32)
    return seen


def leaves_picture(style: Generator, rng: Generator, height: int, width: int) -> Pixels:
    """Leaves all over the frame, over noise that shows where no leaf lies."""
    values = dead_leaves(style, rng, height, width)
    if style.random() < 0.4:
        values = values + 0.5 * coloured_noise(style, rng, height, width)
    return to_pixels(apply_light(rng, values))

"""Pictures with depth: a subject before a blurred background, and landscapes under a sky."""

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from .leaves import apply_light, blurred, dead_leaves, outline
from .noise import coloured_noise, fractal_noise, turbulence
from .palette import palette
from .pixels import Pixels, Plane, grid, to_pixels


def backdrop(style: Generator, rng: Generator, height: int, width: int) -> Plane:
    """Something far and out of focus, or a plain wall: float32 [H, W, 3]."""
    kind = style.integers(4)
    if kind == 0:
        return blurred(dead_leaves(style, rng, height, width), style.uniform(2, 12))
    mean = palette(style, 2)
    rows, columns = grid(height, width)
    ramp = np.cos(angle := rng.uniform(0, 6.3)) * columns + np.sin(angle) * rows
    values = mean[0] + (mean[1] - mean[0]) * ramp[..., None] * style.uniform(0, 1)
    strength = (0, 0.12, 0.4, 0.8)[kind]
    filled: Plane = values.astype(np.float32) + strength * coloured_noise(style, rng, height, width)
    return filled


def body_mask(rng: Generator, height: int, width: int, reach: float) -> Plane:
    """A subject's outline made of joined blobs (head, trunk, limbs): float32 [H, W], 0..1."""
    canvas = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(canvas)
    x, y = rng.uniform(0.3, 0.7) * width, rng.uniform(0.35, 0.7) * height
    size = reach * min(height, width)
    for _ in range(int(rng.integers(1, 7))):
        radius = size * rng.uniform(0.3, 1)
        draw.polygon(outline(rng, x, y, radius, int(rng.choice([0, 0, 3, 3, 1, 4]))), fill=255)
        x, y = x + rng.normal(0, 0.6) * size, y + rng.normal(0, 0.6) * size
    soft = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.5)))
    return np.asarray(soft).astype(np.float32) / 255


def composite(below: Plane, above: Plane, mask: Plane) -> Plane:
    """Lay `above` over `below` where `mask` is 1."""
    return below + (above - below) * mask[..., None]


def subject_picture(style: Generator, rng: Generator, height: int, width: int) -> Pixels:
    """One to three textured subjects, sharp before a background, each with its shadow."""
    values = backdrop(style, rng, height, width)
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        mask = body_mask(rng, height, width, rng.uniform(0.12, 0.4))
        surface = dead_leaves(style, rng, height, width)
        rows, columns = grid(height, width)
        across, down = rng.normal(0, 60, 2)
        surface = surface + (across * (columns - 0.5) + down * (rows - 0.5))[..., None]
        shadow = np.roll(mask, rng.integers(2, 9, 2), (0, 1)) * rng.uniform(0, 0.5)
        values = composite(values * (1 - shadow[..., None]), surface, mask)
    if style.random() < 0.25:
        mask = body_mask(rng, height, width, 0.35)
        near = blurred(dead_leaves(style, rng, height, width), 6)
        values = composite(values, near, np.roll(mask, height // 2, 0))
    return to_pixels(apply_light(rng, values))


def ridge(rng: Generator, width: int, roughness: float) -> Plane:
    """The height of a mountain line over each column: float32 [width], about -1..1."""
    return fractal_noise(rng, 2, width * 2, roughness)[0, :width]


def landscape_picture(style: Generator, rng: Generator, height: int, width: int) -> Pixels:
    """Sky with clouds, ridges that fade with distance, textured ground, sometimes a subject."""
    colours = palette(style, 6)
    rows, _ = grid(height, width)
    sky = colours[0] + (colours[1] - colours[0]) * rows[..., None]
    clouds = np.clip(fractal_noise(rng, height, width, 1.5, 3.0, 0.0) - rng.uniform(-1, 1), 0, 2)
    values = sky + clouds[..., None] * style.uniform(0, 60)
    horizon = rng.uniform(0.2, 0.75)
    for layer in range(int(rng.integers(1, 5))):
        base = horizon + layer * rng.uniform(0.03, 0.15)
        line = base + ridge(rng, width, rng.uniform(0.9, 1.8)) * rng.uniform(0, 0.09)
        below = np.clip((rows - line[None]) * height, 0, 1).astype(np.float32)
        ground = colours[2 + layer % 4] + np.zeros((height, width, 1), np.float32)
        grain = turbulence(rng, height, width)[..., None] * rng.gamma(1.2, 12)
        values = composite(values, ground + grain - 40 * (rows - line[None])[..., None], below)
    if rng.random() < 0.4:
        mask = body_mask(rng, height, width, rng.uniform(0.05, 0.25))
        values = composite(values, dead_leaves(style, rng, height, width), mask)
    return to_pixels(apply_light(rng, values))

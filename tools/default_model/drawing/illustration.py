"""Flat drawings: logos, cartoons, patterns and posters, with outlines and repeated shapes."""

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from .leaves import outline
from .palette import Palette, palette, pick
from .pixels import Pixels, grid, to_pixels


def background_sheet(style: Generator, colours: Palette, height: int, width: int) -> Image.Image:
    """A flat sheet, a gradient, stripes or rings to draw on."""
    kind = style.integers(5)
    rows, columns = grid(height, width)
    ramp = np.cos(angle := style.uniform(0, 6.3)) * columns + np.sin(angle) * rows
    if kind == 1:
        ramp = (np.sin(ramp * style.uniform(15, 120)) > 0).astype(np.float32)
    elif kind == 2:
        ramp = np.sin(np.hypot(rows - 0.5, columns - 0.5) * style.uniform(10, 90)) * 0.5 + 0.5
    elif kind > 2:
        ramp = np.zeros_like(ramp)
    mixed = colours[0] + (colours[1] - colours[0]) * ramp[..., None]
    return Image.fromarray(to_pixels(mixed.astype(np.float32)))


def cartoon_picture(style: Generator, rng: Generator, height: int, width: int) -> Pixels:
    """A figure of outlined flat shapes, mirrored about an axis as drawn faces and logos are."""
    colours = palette(style, 6)
    image = background_sheet(style, colours, height, width)
    draw = ImageDraw.Draw(image)
    pen = None if style.random() < 0.3 else tuple(int(v) for v in style.choice([0, 255, 40], 1)) * 3
    thickness = int(style.integers(1, 5))
    size, mirrored = min(height, width), style.random() < 0.5
    centre = rng.uniform(0.35, 0.65) * width
    for _ in range(int(rng.integers(3, 28))):
        x, y = rng.normal(centre, 0.22 * width), rng.uniform(0, height)
        radius = size * min(0.45, 0.03 / np.sqrt(rng.uniform(0.004, 1)))
        corners = outline(rng, x, y, radius, int(rng.choice([0, 0, 1, 2, 3, 4])))
        fill = pick(rng, colours)
        draw.polygon(corners, fill=fill, outline=pen, width=thickness)
        if mirrored:
            other = [(2 * centre - px, py) for px, py in corners]
            draw.polygon(other, fill=fill, outline=pen, width=thickness)
    return np.asarray(image)


def pattern_picture(style: Generator, rng: Generator, height: int, width: int) -> Pixels:
    """One motif repeated on a lattice: tiles, fabric, fences, brick walls."""
    colours = palette(style, 4)
    image = background_sheet(style, colours, height, width)
    draw = ImageDraw.Draw(image)
    step = rng.uniform(0.05, 0.3) * min(height, width)
    ratio, offset, kind = rng.uniform(0.5, 2), rng.choice([0, 0.5]), int(rng.integers(5))
    seed = int(rng.integers(1 << 30))
    jitter = rng.choice([0, 0, 0.12])
    for row in range(int(height / step / ratio) + 2):
        for column in range(int(width / step) + 2):
            motif = np.random.default_rng(seed)
            x = (column + offset * (row % 2)) * step + jitter * step * rng.normal()
            y = row * step * ratio + jitter * step * rng.normal()
            draw.polygon(outline(motif, x, y, step * 0.46, kind), fill=pick(motif, colours[2:]))
    return np.asarray(image)

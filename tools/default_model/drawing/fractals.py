"""Self-similar pictures: escape-time sets, iterated function systems, branching plants."""

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from .noise import coloured_noise
from .palette import palette, pick, shade
from .pixels import Pixels, Plane, grid, to_pixels


def escape_times(rng: Generator, height: int, width: int, steps: int = 36) -> Plane:
    """How soon each point of a Julia set's plane escapes: float32 [H, W], 0..1."""
    angle = rng.uniform(0, 2 * np.pi)
    # Just outside the main cardioid the sets are neither dust nor blob.
    edge = 0.5 * np.exp(1j * angle) - 0.25 * np.exp(2j * angle)
    constant = np.complex64(edge * rng.uniform(1.0, 1.25))
    zoom = rng.uniform(0.4, 1.6)
    rows, columns = grid(height, width)
    centre = rng.normal(0, 0.4, 2)
    point = (columns - 0.5 + 1j * (rows - 0.5)) * 2 * zoom + (centre[0] + 1j * centre[1])
    point = point.astype(np.complex64)
    times = np.zeros((height, width), np.float32)
    for _ in range(steps):
        inside = np.abs(point) < 4
        times += inside
        point = np.where(inside, point * point + constant, point)
    return times / steps


def attractor(rng: Generator, height: int, width: int) -> Plane:
    """Density of a random iterated function system's points: float32 [H, W], 0..1."""
    count = int(rng.integers(2, 7))
    maps = rng.uniform(-1, 1, (count, 2, 2)) * rng.uniform(0.35, 0.8)
    shifts = rng.uniform(-1, 1, (count, 2))
    points = rng.uniform(-1, 1, (4000, 2))
    density = np.zeros((height, width), np.float32)
    for step in range(26):
        chosen = rng.integers(count, size=len(points))
        points = np.einsum("nij,nj->ni", maps[chosen], points) + shifts[chosen]
        points = np.clip(points, -1e3, 1e3)
        if step == 8:
            low, high = np.percentile(points, (3, 97), axis=0)
        if step > 8:
            place = (points - low) / (high - low + 1e-6) * 0.9 + 0.05
            rows = (place[:, 1] * height).astype(int)
            columns = (place[:, 0] * width).astype(int)
            seen = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
            np.add.at(density, (rows[seen], columns[seen]), 1.0)
    return np.clip(np.log1p(density) / 2.5, 0, 1)


def colour_ramp(style: Generator, rng: Generator, field: Plane) -> Plane:
    """Send a field in 0..1 through a random colour ramp: float32 [H, W, 3]."""
    colours = palette(style, int(style.integers(3, 7)))
    stops = np.linspace(0, 1, len(colours))
    position = np.mod(field * style.uniform(0.8, 3), 1.0001)
    return np.stack([np.interp(position, stops, channel) for channel in colours.T], -1).astype("f4")


def fractal_picture(style: Generator, rng: Generator, height: int, width: int) -> Pixels:
    """A Julia set or an attractor, by a ramp of colours or over a textured background."""
    if style.random() < 0.5:
        return to_pixels(colour_ramp(style, rng, escape_times(rng, height, width)))
    density = attractor(rng, height, width)[..., None]
    colours = palette(style, 2)
    ground = colours[0] + style.choice([0, 0.3, 0.8]) * coloured_noise(style, rng, height, width)
    return to_pixels((ground * (1 - density) + colours[1] * density).astype(np.float32))


def plant_picture(style: Generator, rng: Generator, height: int, width: int) -> Pixels:
    """Branching plants, grown level by level, with leaves at the tips."""
    colours = palette(style, 5)
    ground = palette(style, 1)[0] + style.choice([0, 0.5]) * coloured_noise(style, rng, height, width)
    image = Image.fromarray(to_pixels(ground.astype(np.float32)))
    draw = ImageDraw.Draw(image)
    spread, shrink = style.uniform(0.2, 0.9), style.uniform(0.62, 0.82)
    for _ in range(int(rng.integers(1, 5))):
        start = (rng.uniform(0, width), rng.uniform(0.5, 1) * height)
        branches = [(start, -np.pi / 2 + rng.normal(0, 0.4), height * rng.uniform(0.1, 0.28))]
        bark, leaf = pick(rng, colours), pick(rng, colours)
        for level in range(7):
            grown = []
            for (x, y), angle, length in branches:
                tip = (x + np.cos(angle) * length, y + np.sin(angle) * length)
                draw.line([(x, y), tip], fill=shade(bark, level * 0.05), width=max(1, 6 - level))
                for side in (-1, 1) if level < 6 else ():
                    turn = angle + side * spread * rng.uniform(0.5, 1.4)
                    grown.append((tip, turn, length * shrink * rng.uniform(0.7, 1.15)))
                if level == 6:
                    size = rng.uniform(1, 4)
                    box = [tip[0] - size, tip[1] - size, tip[0] + size, tip[1] + size]
                    draw.ellipse(box, fill=leaf)
            branches = grown
    return np.asarray(image)

"""Pictures with large words on or beside them, and pictures of several panels."""

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from .illustration import cartoon_picture
from .leaves import leaves_picture
from .lettering import caption, paragraph
from .pixels import Pixels
from .scenes import landscape_picture, subject_picture

SCENES = (subject_picture, subject_picture, landscape_picture, leaves_picture, cartoon_picture)


def scene(style: Generator, rng: Generator, height: int, width: int) -> Image.Image:
    """A picture of a random kind to write on."""
    kind = SCENES[rng.integers(len(SCENES))]
    return Image.fromarray(kind(style, rng, max(24, height), max(24, width))).crop((0, 0, width, height))


def captioned_picture(style: Generator, rng: Generator, height: int, width: int) -> Pixels:
    """Outlined capitals at the top and the bottom, or a white band of text above."""
    image = scene(style, rng, height, width)
    draw = ImageDraw.Draw(image)
    if style.random() < 0.35:
        band = int(height * rng.uniform(0.1, 0.35))
        sheet = Image.new("RGB", (width, height), "white")
        sheet.paste(image.resize((width, height - band)), (0, band))
        box = (6, 4, width - 6, band - 2)
        paragraph(rng, ImageDraw.Draw(sheet), box, (10, 10, 10), int(rng.integers(9, 24)))
        return np.asarray(sheet)
    size = int(height * rng.uniform(0.06, 0.14))
    for place in (0.08, 0.9) if rng.random() < 0.6 else (rng.choice([0.08, 0.9]),):
        caption(rng, draw, (width / 2, height * place), size, (255, 255, 255), (0, 0, 0))
    return np.asarray(image)


def panels_picture(style: Generator, rng: Generator, height: int, width: int) -> Pixels:
    """Two to four pictures or boxes of words, side by side or one above the other."""
    image = Image.new("RGB", (width, height), "white")
    down, across = [(1, 2), (2, 1), (2, 2), (3, 1), (3, 2)][style.integers(5)]
    tall, wide, gap = height // down, width // across, int(style.integers(0, 5))
    for place in range(down * across):
        x, y = place % across * wide, place // across * tall
        if rng.random() < 0.3:
            box = (x + 6, y + tall // 3, x + wide - 6, y + tall)
            paragraph(rng, ImageDraw.Draw(image), box, (10, 10, 10), int(rng.integers(8, 20)))
        else:
            image.paste(scene(style, rng, tall - gap, wide - gap), (x, y))
    return np.asarray(image)

"""Things that get laid over copies: captions, bands of text, logos, watermarks, frames."""

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from .lettering import caption, font, ink_on, paragraph, words
from .palette import palette, pick
from .pixels import Colour, Pixels


def draw_band(rng: Generator, draw: ImageDraw.ImageDraw, size: int) -> None:
    """An opaque bar with words along one edge."""
    tall = int(size * rng.uniform(0.06, 0.25))
    level = int(rng.choice([0, 255, int(rng.integers(256))]))
    top = 0 if rng.random() < 0.5 else size - tall
    draw.rectangle((0, top, size, top + tall), fill=(level, level, level, 255))
    box = (4.0, top + 1.0, size - 4.0, float(top + tall))
    paragraph(rng, draw, box, ink_on((level, level, level)), int(rng.integers(6, 16)))


def draw_meme_words(rng: Generator, draw: ImageDraw.ImageDraw, size: int) -> None:
    """Outlined capitals at the top, the bottom or both."""
    tall = int(size * rng.uniform(0.05, 0.14))
    for place in ((0.08,), (0.91,), (0.08, 0.91))[rng.integers(3)]:
        caption(rng, draw, (size / 2, size * place), tall, (255, 255, 255), (0, 0, 0))


def draw_logo(rng: Generator, draw: ImageDraw.ImageDraw, size: int) -> None:
    """A badge somewhere, mostly in a corner."""
    reach = size * rng.uniform(0.08, 0.24)
    x, y = rng.choice([0.03, 0.95, rng.uniform(0, 0.8)], 2) * (size - reach)
    colours = palette(rng, 2)
    shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
    shape((x, y, x + reach, y + reach * rng.uniform(0.4, 1)), fill=(*pick(rng, colours), 255))
    if rng.random() < 0.6:
        draw.text((x + 2, y + 2), words(rng, 1)[:5], pick(rng, colours), font(max(6, int(reach / 3))))


def draw_watermark(rng: Generator, draw: ImageDraw.ImageDraw, size: int) -> None:
    """Half transparent words across the picture."""
    ink: Colour = (255, 255, 255) if rng.random() < 0.7 else (0, 0, 0)
    tall = int(size * rng.uniform(0.06, 0.2))
    place = (rng.uniform(0, 0.4) * size, rng.uniform(0.1, 0.85) * size)
    draw.text(place, words(rng, 2), (*ink, int(rng.integers(70, 200))), font(tall))


def draw_border(rng: Generator, draw: ImageDraw.ImageDraw, size: int) -> None:
    """A border that hides the rim."""
    level = (*pick(rng, palette(rng, 1)), 255) if rng.random() < 0.4 else (0, 0, 0, 255)
    if rng.random() < 0.4:
        level = (255, 255, 255, 255)
    draw.rectangle((0, 0, size - 1, size - 1), outline=level, width=int(rng.integers(2, size // 10)))


OVERLAY_KINDS = (draw_band, draw_band, draw_meme_words, draw_logo, draw_logo, draw_watermark, draw_border)


def overlays(seed: int, count: int, size: int) -> Pixels:
    """Pictures to lay over others, with transparency: uint8 [count, size, size, 4]."""
    made = []
    for index in range(count):
        rng = np.random.default_rng([seed, index, 2])
        image = Image.new("RGBA", (size, size), (0, 0, 0, 0))
        OVERLAY_KINDS[rng.integers(len(OVERLAY_KINDS))](rng, ImageDraw.Draw(image), size)
        made.append(np.asarray(image))
    return np.stack(made)

"""Words that mean nothing, set in Pillow's own font: lines, paragraphs, captions."""

from functools import cache

import numpy as np
from numpy.random import Generator
from PIL import ImageDraw, ImageFont

from .pixels import Colour

ONSETS = ("b", "c", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "st", "tr")
VOWELS = ("a", "e", "i", "o", "u", "ea", "ou", "e", "a", "o")
ENDINGS = ("", "", "n", "r", "s", "t", "d", "l", "ng", "th")


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's built-in face at a size in pixels."""
    face = ImageFont.load_default(size)
    if not isinstance(face, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType; install a binary wheel")
    return face


def word(rng: Generator) -> str:
    """A pronounceable word; short ones are the most common, as in real text."""
    syllables = 1 + int(rng.geometric(0.6)) % 4
    parts = [ONSETS[rng.integers(len(ONSETS))] + VOWELS[rng.integers(len(VOWELS))] for _ in range(syllables)]
    return "".join(parts) + ENDINGS[rng.integers(len(ENDINGS))]


def words(rng: Generator, count: int) -> str:
    """Several words and now and then a number, parted by blanks."""
    return " ".join(str(rng.integers(1, 3000)) if rng.random() < 0.06 else word(rng) for _ in range(count))


def paragraph(
    rng: Generator,
    draw: ImageDraw.ImageDraw,
    box: tuple[float, float, float, float],
    ink: Colour,
    size: int,
    leading: float = 1.35,
) -> None:
    """Fill `box` (left, top, right, bottom) with ragged lines of text."""
    left, top, right, bottom = box
    letters = max(1, int((right - left) / (0.52 * size)))
    while top + size <= bottom:
        line = words(rng, 1 + letters // 5)[:letters]
        if rng.random() < 0.14:
            line = line[: int(letters * rng.uniform(0.2, 0.8))]
        draw.text((left, top), line, fill=ink, font=font(size))
        top += size * leading


def caption(
    rng: Generator,
    draw: ImageDraw.ImageDraw,
    centre: tuple[float, float],
    size: int,
    ink: Colour,
    edge: Colour | None,
) -> None:
    """One centred line in capitals, outlined as on memes when `edge` is given."""
    line = words(rng, int(rng.integers(1, 6))).upper()
    width = 0 if edge is None else max(1, size // 12)
    draw.text(centre, line, fill=ink, font=font(size), anchor="mm", stroke_width=width, stroke_fill=edge)


def ink_on(paper: Colour) -> Colour:
    """Black on light paper, white on dark."""
    bright = float(np.dot(paper, (0.3, 0.59, 0.11)))
    return (20, 20, 20) if bright > 128 else (235, 235, 235)

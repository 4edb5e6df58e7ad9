"""The parts that pages are made of; each fills a box of a drawing with made-up content."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from .illustration import cartoon_picture
from .leaves import leaves_picture
from .lettering import caption, font, ink_on, paragraph, words
from .palette import pick
from .scenes import landscape_picture, subject_picture
from .theme import Theme

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""
Widget = Callable[[Generator, Image.Image, Box, Theme], None]


def thumbnail(rng: Generator, image: Image.Image, box: Box, look: Theme) -> None:
    """A photograph or drawing."""
    width, height = box[2] - box[0], box[3] - box[1]
    if width < 3 or height < 3:
        return
    kinds = (leaves_picture, subject_picture, landscape_picture, cartoon_picture)
    kind = kinds[rng.integers(len(kinds))]
    side = int(np.clip(max(width, height), 24, 96))
    picture = Image.fromarray(kind(rng, rng, side, side))
    image.paste(picture.resize((width, height), Image.Resampling.BILINEAR), box[:2])


def prose(rng: Generator, image: Image.Image, box: Box, look: Theme) -> None:
    """Paragraphs, sometimes under a headline."""
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = box
    if rng.random() < 0.5:
        size = int(look.size * rng.uniform(1.3, 2.6))
        draw.text((left, top), words(rng, 3)[: max(2, (right - left) // size * 2)], look.ink, font(size))
        top += int(size * 1.5)
    paragraph(rng, draw, (left, top, right, bottom), look.ink, look.size)


def list_rows(rng: Generator, image: Image.Image, box: Box, look: Theme) -> None:
    """A list: an icon, a line and a fainter note in each row."""
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = box
    step = int(look.size * rng.uniform(1.7, 3.5))
    kind = rng.integers(3)
    for y in range(top, bottom - look.size, step):
        icon = (left, y, left + look.size + 2, y + look.size + 2)
        colour = pick(rng, look.colours) if rng.random() < 0.6 else look.accent
        (draw.ellipse if kind == 0 else draw.rectangle)(icon, fill=colour)
        room = max(2, int((right - left) / look.size * rng.uniform(0.5, 1.4)))
        draw.text((left + look.size + 6, y), words(rng, 4)[:room], look.ink, font(look.size))
        if kind == 2:
            draw.text((right - 3 * look.size, y), words(rng, 1)[:6], look.faint, font(look.size))


def chart(rng: Generator, image: Image.Image, box: Box, look: Theme) -> None:
    """A chart: columns, a curve or a pie."""
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = box
    kind, count = rng.integers(3), int(rng.integers(4, 22))
    if kind == 2:
        side = min(right - left, bottom - top)
        ends = np.sort(rng.uniform(0, 360, count // 3 + 2))
        for first, last in zip(ends, [*ends[1:], ends[0] + 360], strict=True):
            draw.pieslice((left, top, left + side, top + side), first, last, pick(rng, look.colours))
        return
    values = np.abs(np.cumsum(rng.normal(0, 1, count)) + rng.normal(0, 2))
    values = values / (values.max() + 1e-6) * (bottom - top)
    step = (right - left) / count
    if kind == 0:
        for place, value in enumerate(values):
            x = left + place * step
            draw.rectangle((x, bottom - value, x + step * 0.7, bottom), fill=look.accent)
    else:
        points = [(left + place * step, bottom - value) for place, value in enumerate(values)]
        draw.line(points, fill=look.accent, width=2)
    draw.line((left, bottom, right, bottom), fill=look.faint)


def table(rng: Generator, image: Image.Image, box: Box, look: Theme) -> None:
    """Ruled rows and columns, some cells filled."""
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = box
    across, down = int(rng.integers(2, 8)), int(look.size * rng.uniform(1.4, 2.6))
    ruled, share = rng.random() < 0.6, rng.uniform(0, 1)
    for place, y in enumerate(range(top, bottom - down, down)):
        if place % 2 and not ruled:
            draw.rectangle((left, y, right, y + down), fill=look.panel)
        for column in range(across):
            x = left + column * (right - left) // across
            if ruled:
                draw.rectangle((x, y, x + (right - left) // across, y + down), outline=look.faint)
            if rng.random() < share:
                draw.text((x + 2, y + 1), words(rng, 1)[:7], look.ink, font(look.size))


def form(rng: Generator, image: Image.Image, box: Box, look: Theme) -> None:
    """Labels, empty fields and buttons."""
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = box
    step = int(look.size * 2.6)
    for y in range(top, bottom - step, step):
        reach = left + int((right - left) * rng.uniform(0.2, 1))
        field = (left, y, max(left + 4, reach), y + int(look.size * 1.7))
        pressed = rng.random() < 0.35
        fill = look.accent if pressed else look.panel
        draw.rounded_rectangle(field, look.corner, fill=fill, outline=None if pressed else look.faint)
        ink = ink_on(look.accent) if pressed else look.faint
        draw.text((left + 4, y + 2), words(rng, 1), ink, font(look.size))


def banner(rng: Generator, image: Image.Image, box: Box, look: Theme) -> None:
    """A coloured box with a large line in it."""
    draw = ImageDraw.Draw(image)
    colour = look.accent if rng.random() < 0.5 else pick(rng, look.colours)
    draw.rounded_rectangle(box, look.corner, fill=colour)
    size = int(np.clip((box[3] - box[1]) * 0.3, 6, 40))
    centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    caption(rng, draw, centre, size, ink_on(colour), None)


def blank(rng: Generator, image: Image.Image, box: Box, look: Theme) -> None:
    """Nothing: real pages leave much of themselves empty."""


WIDGETS: tuple[Widget, ...] = (prose, list_rows, thumbnail, chart, table, form, banner, blank)

"""Screenshots of programs that do not exist: pages, telephones, chats, editors, galleries."""

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from .lettering import font, paragraph, words
from .palette import pick, shade
from .pixels import Pixels
from .scenes import landscape_picture
from .theme import Theme, theme
from .widgets import WIDGETS, Box, prose, thumbnail


def split_box(style: Generator, box: Box, depth: int) -> list[Box]:
    """Cut a box by straight lines, again and again, into the cells of a page."""
    left, top, right, bottom = box
    if depth == 0 or min(right - left, bottom - top) < 30 or (depth < 3 and style.random() < 0.25):
        return [box]
    share = style.choice([0.2, 0.3, 0.5, 0.7, style.uniform(0.15, 0.85)])
    if (right - left) * style.uniform(0.4, 1.6) > bottom - top:
        cut = int(left + (right - left) * share)
        halves = [(left, top, cut, bottom), (cut, top, right, bottom)]
    else:
        cut = int(top + (bottom - top) * share)
        halves = [(left, top, right, cut), (left, cut, right, bottom)]
    return [cell for half in halves for cell in split_box(style, half, depth - 1)]


def draw_bars(style: Generator, rng: Generator, image: Image.Image, look: Theme) -> Box:
    """Draw bars at the top, the side and the bottom; return what is left for the page."""
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = 0, 0, image.width, image.height
    if style.random() < 0.75:
        top = int(style.uniform(0.03, 0.13) * bottom)
        draw.rectangle((0, 0, right, top), fill=look.accent if style.random() < 0.5 else look.panel)
        draw.text((6, top // 4), words(rng, 5), look.ink, font(max(6, top // 2)))
    if style.random() < 0.45:
        left = int(style.uniform(0.06, 0.3) * right)
        draw.rectangle((0, top, left, bottom), fill=look.panel)
        WIDGETS[1](rng, image, (4, top + 6, left - 4, bottom), look)
    if style.random() < 0.25:
        line = bottom - int(style.uniform(0.03, 0.1) * bottom)
        draw.rectangle((left, line, right, bottom), fill=look.panel)
        bottom = line
    return left, top, right, bottom


def page_picture(style: Generator, rng: Generator, height: int, width: int) -> Pixels:
    """A window whose cells hold text, lists, pictures, charts, tables and forms."""
    look = theme(style)
    image = Image.new("RGB", (width, height), look.paper)
    inner = draw_bars(style, rng, image, look)
    cards = style.random() < 0.4
    weights = style.dirichlet(np.full(len(WIDGETS), 0.6))
    for cell in split_box(style, inner, int(style.integers(1, 5))):
        gap = look.margin
        box = (cell[0] + gap, cell[1] + gap, cell[2] - gap, cell[3] - gap)
        if box[2] - box[0] < 8 or box[3] - box[1] < 8:
            continue
        if cards:
            ImageDraw.Draw(image).rounded_rectangle(box, look.corner, fill=look.panel)
        WIDGETS[rng.choice(len(WIDGETS), p=weights)](rng, image, box, look)
    if rng.random() < 0.15:
        draw_dialog(rng, image, look)
    return np.asarray(image)


def draw_dialog(rng: Generator, image: Image.Image, look: Theme) -> None:
    """A small window in front of the page."""
    width, height = image.size
    x, y = int(rng.uniform(0.05, 0.5) * width), int(rng.uniform(0.05, 0.5) * height)
    box = (x, y, x + int(width * rng.uniform(0.2, 0.45)), y + int(height * rng.uniform(0.2, 0.45)))
    ImageDraw.Draw(image).rounded_rectangle(box, look.corner, fill=look.paper, outline=look.faint)
    inner = (box[0] + 6, box[1] + 6, box[2] - 6, box[3] - 6)
    WIDGETS[rng.integers(len(WIDGETS))](rng, image, inner, look)


def chat_picture(style: Generator, rng: Generator, height: int, width: int) -> Pixels:
    """Bubbles to the left and right, with faces and now and then a picture."""
    look = theme(style)
    image = Image.new("RGB", (width, height), look.paper)
    if style.random() < 0.2:
        wall = landscape_picture(style, style, 64, 64)
        image.paste(Image.fromarray(wall).resize((width, height)))
    draw = ImageDraw.Draw(image)
    left, y, right, bottom = draw_bars(style, rng, image, look)
    mine, theirs = look.accent, look.panel
    while y < bottom:
        tall = int(look.size * 1.4 * rng.integers(1, 6)) + 6
        reach = int((right - left) * rng.uniform(0.2, 0.75))
        own = rng.random() < 0.5
        x = right - reach - 6 if own else left + look.size * 2 + 6
        box = (x, y + 4, x + reach, y + 4 + tall)
        if rng.random() < 0.12:
            thumbnail(rng, image, (x, y + 4, x + reach, y + 4 + tall * 2), look)
            tall *= 2
        else:
            draw.rounded_rectangle(box, look.corner + 3, fill=mine if own else theirs)
            inside = (x + 4, y + 6, x + reach - 4, y + 4 + tall)
            paragraph(rng, draw, inside, look.ink, look.size)
        if not own:
            draw.ellipse(
                (left + 2, y + 4, left + 2 + look.size * 1.8, y + 4 + look.size * 1.8), fill=pick(rng, look.colours)
            )
        y += tall + int(rng.uniform(6, 20))
    return np.asarray(image)


def editor_picture(style: Generator, rng: Generator, height: int, width: int) -> Pixels:
    """Indented lines in several colours: programs, logs, terminals."""
    look = theme(style)
    image = Image.new("RGB", (width, height), look.paper)
    left, top, right, bottom = draw_bars(style, rng, image, look)
    draw = ImageDraw.Draw(image)
    indent, inks = 0, [look.ink, look.faint, *[pick(style, look.colours) for _ in range(3)]]
    for y in range(top + 4, bottom, int(look.size * style.uniform(1.1, 1.6))):
        indent = int(np.clip(indent + rng.integers(-1, 2), 0, 6))
        x = left + 6 + indent * look.size
        for _ in range(int(rng.integers(0, 6))):
            part = words(rng, 1 + int(rng.integers(2)))
            draw.text((x, y), part, inks[rng.integers(len(inks))], font(look.size))
            x += int(len(part) * look.size * 0.55) + look.size
            if x > right:
                break
    return np.asarray(image)


def document_picture(style: Generator, rng: Generator, height: int, width: int) -> Pixels:
    """A printed page: columns of prose, figures, sometimes on a grey desk."""
    look = theme(style)
    image = Image.new("RGB", (width, height), shade((128, 128, 128), float(style.uniform(-0.6, 0.6))))
    edge = int(style.choice([0, 0, style.uniform(0, 0.12)]) * width)
    sheet = (edge, edge // 2, width - edge, height)
    ImageDraw.Draw(image).rectangle(sheet, fill=look.paper)
    columns = int(style.integers(1, 4))
    wide = (sheet[2] - sheet[0] - 16) // columns
    for column in range(columns):
        x, y = sheet[0] + 10 + column * wide, sheet[1] + 10
        while y < height:
            tall = int(rng.uniform(0.08, 0.4) * height)
            box = (x, y, x + wide - 8, min(height, y + tall))
            (thumbnail if rng.random() < 0.15 else prose)(rng, image, box, look)
            y += tall + look.size
    return np.asarray(image)


def gallery_picture(style: Generator, rng: Generator, height: int, width: int) -> Pixels:
    """A grid of pictures, with or without a line of text under each."""
    look = theme(style)
    image = Image.new("RGB", (width, height), look.paper)
    left, top, right, bottom = draw_bars(style, rng, image, look)
    across, named = int(style.integers(1, 5)), style.random() < 0.5
    wide = max(16, (right - left) // across)
    tall = max(16, int(wide * style.uniform(0.6, 1.3)))
    for y in range(top, bottom, tall):
        for x in range(left, right - 8, wide):
            low = y + tall - (look.size + 4 if named else 2)
            thumbnail(rng, image, (x + 2, y + 2, x + wide - 2, max(y + 6, low)), look)
            if named:
                text = words(rng, 2)[: wide // look.size]
                ImageDraw.Draw(image).text((x + 4, low), text, look.ink, font(look.size))
    return np.asarray(image)

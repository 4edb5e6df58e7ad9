"""The look that the parts of one page share: paper, ink, accent, corners, size of type."""

from dataclasses import dataclass

from numpy.random import Generator

from .lettering import ink_on
from .palette import Palette, palette, pick, shade
from .pixels import Colour


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours and measures of one made-up application."""

    paper: Colour
    panel: Colour
    ink: Colour
    faint: Colour
    accent: Colour
    colours: Palette
    size: int
    corner: int
    margin: int


def theme(style: Generator) -> Theme:
    """Draw a light, dark or coloured look."""
    colours = palette(style, 6)
    kind = style.random()
    if kind < 0.6:
        level = int(style.integers(236, 256))
        paper: Colour = (level, level, level)
    elif kind < 0.85:
        level = int(style.integers(8, 52))
        paper = (level, level, min(255, level + int(style.integers(0, 14))))
    else:
        paper = pick(style, colours)
    ink = ink_on(paper)
    step = float(style.uniform(0.02, 0.14))
    return Theme(
        paper=paper,
        panel=shade(paper, -step if sum(paper) > 380 else step),
        ink=ink,
        faint=shade(ink, 0.45 if sum(ink) < 380 else -0.45),
        accent=pick(style, colours),
        colours=colours,
        size=int(style.integers(6, 13)),
        corner=int(style.integers(0, 9)),
        margin=int(style.integers(2, 9)),
    )

"""The mixture of procedural pictures, each made from (seed, index) alone."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from numpy.random import Generator

from .fractals import fractal_picture, plant_picture
from .illustration import cartoon_picture, pattern_picture
from .layouts import chat_picture, document_picture, editor_picture, gallery_picture, page_picture
from .leaves import leaves_picture
from .memes import captioned_picture, panels_picture
from .noise import spectrum_picture
from .pixels import Pixels, squash
from .scenes import landscape_picture, subject_picture

PictureKind = Callable[[Generator, Generator, int, int], Pixels]
"""Makes one picture from a style (shared with a sibling), its own chance, a height and a width."""

MIXTURE: tuple[tuple[PictureKind, float], ...] = (
    (leaves_picture, 0.17),
    (subject_picture, 0.2),
    (landscape_picture, 0.11),
    (spectrum_picture, 0.04),
    (fractal_picture, 0.05),
    (plant_picture, 0.03),
    (cartoon_picture, 0.06),
    (pattern_picture, 0.03),
    (page_picture, 0.12),
    (chat_picture, 0.03),
    (editor_picture, 0.02),
    (document_picture, 0.03),
    (gallery_picture, 0.03),
    (captioned_picture, 0.06),
    (panels_picture, 0.02),
)
FAMILY_SIZE = 2
LONG_SIDE = 224
# Letters on a real screen are smaller, beside the screen, than Pillow can draw on a small canvas.
SCREENS = frozenset({page_picture, chat_picture, editor_picture, document_picture})


def canvas_size(style: Generator, long_side: int) -> tuple[int, int]:
    """Height and width with an aspect as files have it: 1:1 to 2.2:1, upright or lying."""
    short = max(32, int(long_side / np.exp(style.uniform(0, np.log(2.2)))))
    return (long_side, short) if style.random() < 0.35 else (short, long_side)


def picture(seed: int, index: int, scale: float = 1.0) -> Pixels:
    """Picture `index` of the endless series `seed`: uint8 [H, W, 3].

    Two neighbours (2k, 2k+1) are siblings: they share a style (kind, palette, layout, aspect) but
    not the content, as the screenshots of one program do. They teach the model to tell those apart.
    """
    style = np.random.default_rng([seed, index // FAMILY_SIZE, 0])
    content = np.random.default_rng([seed, index, 1])
    kinds, weights = zip(*MIXTURE, strict=True)
    kind: PictureKind = kinds[style.choice(len(kinds), p=np.array(weights) / sum(weights))]
    enlarged = style.uniform(1.2, 2.6) if kind in SCREENS else 1.0
    height, width = canvas_size(style, int(LONG_SIDE * enlarged * scale))
    return kind(style, content, height, width)


def squashed_picture(seed: int, size: int, index: int) -> Pixels:
    """Picture `index`, resized to [size, size, 3]."""
    return squash(picture(seed, index), size)


def pictures(seed: int, count: int, size: int, workers: int = 2) -> Pixels:
    """The first `count` pictures of a series: uint8 [count, size, size, 3]."""
    with ProcessPoolExecutor(workers) as pool:
        made = pool.map(partial(squashed_picture, seed, size), range(count), chunksize=64)
        return np.stack(list(made))


def canvas_picture(name: str, seed: int, height: int, width: int) -> Pixels:
    """One picture of a kind chosen by name, at a size of one's own."""
    kinds = {kind.__name__: kind for kind, _ in MIXTURE}
    style, content = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    return kinds[name](style, content, height, width)

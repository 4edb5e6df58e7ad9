"""A picture is known again among its twins, whatever was done to it, and strangers are not taken for it."""

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from models.registration.agreement import overlap_shares
from models.registration.align import SIDE, explained_shares
from tools.bench.edits import CHANGES

Pixels = NDArray[np.uint8]
SAME = 0.85
LOST = {"rotation by 5 degrees, black corners"}  # of a page of text; a photograph is found
WORDS = ("settings", "account", "storage", "privacy", "display", "network", "updates", "about us")


def squashed(image: Image.Image) -> Pixels:
    return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))


@cache
def page(language: int) -> Image.Image:
    """The same page, in which only the words differ."""
    image = Image.new("RGB", (320, 480), (245, 245, 245))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 320, 56), fill=(0, 110, 170))
    draw.text((20, 12), "catalogd"[language:], fill="white", font_size=28)
    for row, word in enumerate(WORDS):
        top = 72 + 50 * row
        draw.ellipse((14, top, 44, top + 30), fill=(40 + 25 * row, 90, 200 - 20 * row))
        told = word[language:] + word[:language] + "xiJMo"[: language % 4]
        draw.text((60, top), told, fill="black", font_size=22)
        draw.line((0, top + 40, 320, top + 40), fill=(200, 200, 200), width=2)
    return image


@cache
def scene(seed: int) -> Image.Image:
    """Something as rough and as smooth as a photograph."""
    dice = np.random.default_rng(seed)
    layers = [dice.normal(0, 1 / size, (size, size, 3)) for size in (3, 6, 12, 24, 48)]
    sheets = [
        np.asarray(Image.fromarray(np.uint8(np.clip(layer * 60 * len(layer) + 128, 0, 255))).resize((384, 288)), float)
        for layer in layers
    ]
    weighed = sum((sheet - 128) / (place + 1) for place, sheet in enumerate(sheets)) / 1.5 + 128
    return Image.fromarray(np.uint8(np.clip(weighed, 0, 255)))


@pytest.mark.parametrize("change", sorted(set(CHANGES) - LOST))
def test_a_changed_page_is_told_from_its_twins(change: str) -> None:
    twins = np.stack([squashed(page(language)) for language in range(5)])
    query = squashed(CHANGES[change](page(3), np.random.default_rng(1)))
    told = explained_shares(query, twins)
    assert told.argmax() == 3
    assert told[3] >= SAME


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_scene_is_the_same_and_a_stranger_is_not(change: str) -> None:
    others = np.stack([squashed(scene(seed)) for seed in range(6)])
    query = squashed(CHANGES[change](scene(2), np.random.default_rng(1)))
    told = explained_shares(query, others)
    assert told[2] >= SAME
    assert np.delete(told, 2).max() < SAME
    assert explained_shares(query, np.delete(others, 2, 0)).max() < SAME


def test_a_flat_picture_has_nothing_to_compare() -> None:
    flat, scenes = np.full((SIDE, SIDE, 3), 128, np.uint8), np.stack([squashed(scene(0)), squashed(page(0))])
    told = [
        explained_shares(flat, scenes),
        explained_shares(scenes[0], np.stack([flat, flat])),
        explained_shares(flat, flat[None]),
    ]
    assert all(np.isfinite(shares).all() and (shares >= 0).all() and (shares <= 1).all() for shares in told)
    assert told[1].max() < SAME


def odd_pictures() -> Pixels:
    """Nothing, everything, edges, points and noise."""
    places = np.arange(SIDE)
    steps = [
        np.zeros(SIDE),
        np.full(SIDE, 255),
        places * 2,
        (places % 2) * 255,
        (places > 60) * 255,
        (places == 9) * 255,
    ]
    planes = [np.add.outer(one, other) / 2 for one in steps for other in (steps[0], one)]
    planes.append(np.random.default_rng(0).integers(0, 256, (SIDE, SIDE)))
    return np.repeat(np.stack(planes).astype(np.uint8)[..., None], 3, -1)


def test_no_picture_is_too_odd() -> None:
    pictures = odd_pictures()
    for query in pictures:
        told = explained_shares(query, pictures)
        assert told.shape == (len(pictures),) and ((told >= 0) & (told <= 1)).all()


def test_all_levels_of_one_picture_are_explained_by_itself() -> None:
    one = squashed(scene(4))
    assert explained_shares(one, one[None])[0] > 0.999


def test_maps_that_nobody_makes_do_not_count() -> None:
    whole = np.eye(2, 3, dtype=np.float32)
    half = np.array([[2, 0, 1], [0, 2, 1]], np.float32)  # the query is the upper left quarter
    far = np.array([[1, 0, 1.5], [0, 1, 0]], np.float32)
    flattened = np.array([[1, 0, 0], [0, 0.1, 0]], np.float32)
    shares = overlap_shares(np.stack([whole, half, far, flattened, np.zeros((2, 3), np.float32)]))
    assert shares[0] == 1 and shares[1] == 1
    assert (shares[2:] == 0).all()

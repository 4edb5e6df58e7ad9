"""Tests of image registration: an edited image is recognized among look-alikes, and other images are not."""

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
NOT_FOUND = {"rotation by 5 degrees, black corners"}  # for a page of text; a photograph is found
WORDS = ("settings", "account", "storage", "privacy", "display", "network", "updates", "about us")


def squashed(image: Image.Image) -> Pixels:
    return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))


@cache
def page(language: int) -> Image.Image:
    """Return the same page in another language: only the words differ."""
    image = Image.new("RGB", (320, 480), (245, 245, 245))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 320, 56), fill=(0, 110, 170))
    draw.text((20, 12), "catalogd"[language:], fill="white", font_size=28)
    for row, word in enumerate(WORDS):
        top = 72 + 50 * row
        draw.ellipse((14, top, 44, top + 30), fill=(40 + 25 * row, 90, 200 - 20 * row))
        text = word[language:] + word[:language] + "xiJMo"[: language % 4]
        draw.text((60, top), text, fill="black", font_size=22)
        draw.line((0, top + 40, 320, top + 40), fill=(200, 200, 200), width=2)
    return image


@cache
def scene(seed: int) -> Image.Image:
    """Return an image with the coarse and fine structure of a photograph."""
    random = np.random.default_rng(seed)
    layers = [random.normal(0, 1 / size, (size, size, 3)) for size in (3, 6, 12, 24, 48)]
    planes = [
        np.asarray(Image.fromarray(np.uint8(np.clip(layer * 60 * len(layer) + 128, 0, 255))).resize((384, 288)), float)
        for layer in layers
    ]
    weighted = sum((plane - 128) / (number + 1) for number, plane in enumerate(planes)) / 1.5 + 128
    return Image.fromarray(np.uint8(np.clip(weighted, 0, 255)))


@pytest.mark.parametrize("change", sorted(set(CHANGES) - NOT_FOUND))
def test_an_edited_page_is_distinguished_from_look_alikes(change: str) -> None:
    pages = np.stack([squashed(page(language)) for language in range(5)])
    query = squashed(CHANGES[change](page(3), np.random.default_rng(1)))
    shares = explained_shares(query, pages)
    assert shares.argmax() == 3
    assert shares[3] >= SAME


@pytest.mark.parametrize("change", CHANGES)
def test_an_edited_scene_is_recognized_and_others_are_not(change: str) -> None:
    scenes = np.stack([squashed(scene(seed)) for seed in range(6)])
    query = squashed(CHANGES[change](scene(2), np.random.default_rng(1)))
    shares = explained_shares(query, scenes)
    assert shares[2] >= SAME
    assert np.delete(shares, 2).max() < SAME
    assert explained_shares(query, np.delete(scenes, 2, 0)).max() < SAME


def test_a_flat_image_matches_nothing() -> None:
    flat, scenes = np.full((SIDE, SIDE, 3), 128, np.uint8), np.stack([squashed(scene(0)), squashed(page(0))])
    of_flat = explained_shares(flat, scenes)
    by_flat = explained_shares(scenes[0], np.stack([flat, flat]))
    of_itself = explained_shares(flat, flat[None])
    for shares in (of_flat, by_flat, of_itself):
        assert np.isfinite(shares).all() and (shares >= 0).all() and (shares <= 1).all()
    assert by_flat.max() < SAME


def extreme_images() -> Pixels:
    """Return images that are black, white, gradients, stripes, edges, points and noise."""
    position = np.arange(SIDE)
    black = np.zeros(SIDE)
    profiles = [
        black,
        np.full(SIDE, 255),
        position * 2,
        (position % 2) * 255,
        (position > 60) * 255,
        (position == 9) * 255,
    ]
    planes = [np.add.outer(rows, columns) / 2 for rows in profiles for columns in (black, rows)]
    planes.append(np.random.default_rng(0).integers(0, 256, (SIDE, SIDE)))
    return np.repeat(np.stack(planes).astype(np.uint8)[..., None], 3, -1)


def test_extreme_images_give_shares_from_0_to_1() -> None:
    images = extreme_images()
    for query in images:
        shares = explained_shares(query, images)
        assert shares.shape == (len(images),) and ((shares >= 0) & (shares <= 1)).all()


def test_an_image_explains_itself() -> None:
    image = squashed(scene(4))
    (share,) = explained_shares(image, image[None])
    assert share > 0.999


def test_implausible_maps_have_no_overlap() -> None:
    whole = np.eye(2, 3, dtype=np.float32)
    half = np.array([[2, 0, 1], [0, 2, 1]], np.float32)  # the query is the upper left quarter
    far = np.array([[1, 0, 1.5], [0, 1, 0]], np.float32)
    flattened = np.array([[1, 0, 0], [0, 0.1, 0]], np.float32)
    shares = overlap_shares(np.stack([whole, half, far, flattened, np.zeros((2, 3), np.float32)]))
    assert shares[0] == 1 and shares[1] == 1
    assert (shares[2:] == 0).all()

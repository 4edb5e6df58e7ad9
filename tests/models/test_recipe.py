"""The arithmetic of sizes: the resized image covers the model's input, or fits into it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from models.picture import read_picture
from models.recipe import MAX_ASPECT, Recipe

EDGES = st.integers(1, 20000)


@given(EDGES, EDGES, st.integers(8, 400), st.integers(8, 400))
def test_shortest_covers_and_pad_is_covered(width: int, height: int, wide: int, high: int) -> None:
    for way in ("shortest", "pad"):
        fitted = Recipe(high, wide, way).resized_size(width, height)
        assert wide in fitted or high in fitted
        assert all(edge >= 1 for edge in fitted)
        pairs = zip(fitted, (wide, high), strict=True)
        assert all(a >= b for a, b in pairs) if way == "shortest" else all(a <= b for a, b in pairs)
    assert Recipe(high, wide).resized_size(width, height) == (wide, high)


@given(EDGES, EDGES, st.integers(8, 400), st.integers(8, 400))
def test_edges_are_rounded_as_in_each_source(width: int, height: int, wide: int, high: int) -> None:
    """torchvision's Resize(int) and timm's ResizeKeepRatio round in different order."""
    short, long = min(width, height), max(width, height)
    torchvision = int(wide * long / short)
    expected = (wide, torchvision) if width <= height else (torchvision, wide)
    assert Recipe(wide, wide, "shortest").resized_size(width, height) == expected
    for way, pick in (("shortest", min), ("pad", max)):
        ratio = pick(height / high, width / wide)
        timm = (max(1, round(width / ratio)), max(1, round(height / ratio)))
        assert Recipe(8, 8, way, edge=(high, wide), rounding="nearest").resized_size(width, height) == timm


@given(st.integers(8, 400), st.integers(8, 400))
def test_crops_are_rounded_as_in_each_source(have: int, want: int) -> None:
    """torchvision and transformers crop halves differently, but pad equally."""
    for centre, cropped in (("nearest", round((have - want) / 2.0)), ("down", int((have - want) / 2.0))):
        expected = cropped if have >= want else -((want - have) // 2)
        assert Recipe(8, 8, centre=centre).crop_offset(have, want) == expected  # type: ignore[arg-type]


def test_resized_to_one_size_and_cropped_to_another() -> None:
    from tests.support.image_samples import saved, scene

    picture = scene(120, 81)
    for way, size in (("squash", (48, 40)), ("shortest", (59, 40))):
        recipe = Recipe(32, 32, way, "bicubic", edge=(40, 48 if way == "squash" else 40))
        resized = picture.resize(size, Image.Resampling.BICUBIC)
        left, top = round((size[0] - 32) / 2), 4
        expected = np.asarray(resized.crop((left, top, left + 32, top + 32)))
        assert (read_picture(saved(picture, "PNG"), recipe).pixels == expected).all()
    padded = read_picture(saved(picture, "PNG"), Recipe(32, 32, "pad", edge=(40, 40), fill=(1, 2, 3))).pixels
    assert (padded[0] == (1, 2, 3)).all()
    assert (padded[16, 0] != (1, 2, 3)).any()


@given(EDGES, EDGES)
def test_only_extreme_aspects_are_cropped_before_resizing(width: int, height: int) -> None:
    box = Recipe(64, 64, "shortest").visible_box(width, height)
    assert (box is None) == (max(width, height) <= MAX_ASPECT * min(width, height))
    if box:
        left, top, right, bottom = box
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert max(right - left, bottom - top) == MAX_ASPECT * min(width, height)


def test_extreme_aspects_cost_no_memory() -> None:
    from tests.support.image_samples import saved

    for size in ((30000, 1), (1, 30000), (1, 1)):
        for way in ("squash", "shortest", "pad"):
            picture = read_picture(saved(Image.new("RGB", size, "red"), "PNG"), Recipe(64, 64, way, scaled_jpeg=2.0))
            assert picture.pixels.shape == (64, 64, 3)
            assert (picture.width, picture.height) == size

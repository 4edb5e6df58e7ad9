"""The arithmetic of sizes: what is fitted covers, or is covered by, the model's input."""

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from models.picture import read_picture
from models.recipe import WIDEST, Recipe

EDGES = st.integers(1, 20000)


@given(EDGES, EDGES, st.integers(8, 400), st.integers(8, 400))
def test_shortest_covers_and_pad_is_covered(width: int, height: int, wide: int, high: int) -> None:
    for way in ("shortest", "pad"):
        fitted = Recipe(high, wide, way).fitted(width, height)
        assert wide in fitted or high in fitted
        assert all(edge >= 1 for edge in fitted)
        pairs = zip(fitted, (wide, high), strict=True)
        assert all(a >= b for a, b in pairs) if way == "shortest" else all(a <= b for a, b in pairs)
    assert Recipe(high, wide).fitted(width, height) == (wide, high)


@given(EDGES, EDGES)
def test_only_extreme_strips_are_cut_before_resizing(width: int, height: int) -> None:
    box = Recipe(64, 64, "shortest").visible(width, height)
    assert (box is None) == (max(width, height) <= WIDEST * min(width, height))
    if box:
        left, top, right, bottom = box
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert max(right - left, bottom - top) == WIDEST * min(width, height)


def test_extreme_strips_cost_no_memory() -> None:
    from specimens import saved

    for size in ((30000, 1), (1, 30000), (1, 1)):
        for way in ("squash", "shortest", "pad"):
            picture = read_picture(saved(Image.new("RGB", size, "red"), "PNG"), Recipe(64, 64, way, scaled_jpeg=2.0))
            assert picture.pixels.shape == (64, 64, 3)
            assert (picture.width, picture.height) == size

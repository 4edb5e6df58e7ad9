"""The digest of decoded pixels ignores metadata, and changes with anything visible."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw, PngImagePlugin

from models.decode.pixel_digest import DIGEST_BYTES, same_pixels
from models.picture import Recipe, read_picture
from tests.support.image_samples import saved, scene

RECIPE = Recipe(64, 64, "squash", "bilinear", 2.0)


def digest(data: bytes, recipe: Recipe = RECIPE) -> bytes:
    found = read_picture(data, recipe).digest
    assert len(found) == DIGEST_BYTES
    return found


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(scene(600, 400), "JPEG", quality=90, exif=exif)


def with_text(message: str) -> bytes:
    told = PngImagePlugin.PngInfo()
    told.add_text("Comment", message)
    return saved(scene(600, 400), "PNG", pnginfo=told)


def test_metadata_does_not_change_the_digest() -> None:
    assert same_pixels(digest(turned(1)), digest(turned(6))) is True
    assert same_pixels(digest(with_text("one")), digest(with_text("two"))) is True
    assert same_pixels(digest(with_text("one")), digest(saved(scene(600, 400), "PNG", compress_level=1))) is True


@pytest.mark.parametrize("size", [(200, 100), (900, 700)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_small_retouch_changes_the_digest(kind: str, size: tuple[int, int]) -> None:
    image = scene(*size)
    changed = image.copy()
    ImageDraw.Draw(changed).rectangle((100, 50, 110, 60), fill="red")
    assert same_pixels(digest(saved(image, kind)), digest(saved(changed, kind))) is False


def test_lossy_recompression_changes_the_digest() -> None:
    once = saved(scene(600, 400), "JPEG", quality=90)
    again = saved(Image.open(BytesIO(once)), "JPEG", quality=88)
    assert same_pixels(digest(once), digest(again)) is False


def test_digests_of_different_pipelines_are_not_compared() -> None:
    data = saved(scene(600, 400), "JPEG")
    for other in (RECIPE._replace(width=72), RECIPE._replace(scaled_jpeg=0.0)):
        assert same_pixels(digest(data), digest(data, other)) is None
    wide = RECIPE._replace(width=96)
    assert same_pixels(digest(turned(1), wide), digest(turned(6), wide)) is None  # shrunk to another size
    assert same_pixels(None, digest(data)) is None
    assert same_pixels(b"", b"") is None


@pytest.mark.parametrize("size", [(100, 60), (900, 700)])
def test_an_opaque_alpha_channel_does_not_change_the_digest(size: tuple[int, int]) -> None:
    plain, opaque = (read_picture(saved(scene(*size).convert(mode), "PNG"), RECIPE) for mode in ("RGB", "RGBA"))
    assert np.array_equal(plain.pixels, opaque.pixels)
    assert plain.digest == opaque.digest


def test_one_transparent_pixel_changes_the_digest() -> None:
    image = scene(900, 700).convert("RGBA")
    image.paste((0, 0, 0, 0), (300, 300, 330, 330))
    recipe = RECIPE._replace(background=(255, 0, 0))
    shown = read_picture(saved(image, "PNG"), recipe).pixels
    assert (shown.astype(int) - read_picture(saved(image.convert("RGB"), "PNG"), recipe).pixels)[..., 0].max() > 100

"""All eight EXIF orientations in every format, compared with Pillow's exif_transpose."""

from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageOps

from models.picture import Recipe, read_picture
from tests.models.decode.test_formats import decibels
from tests.support.image_samples import heic, saved, scene

KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")


@cache
def turned(kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = scene(280, 180)
    if kind == "HEIF":
        return heic(image, exif=exif.tobytes())
    return saved(image, kind, exif=exif)


def padded(image: Image.Image) -> Image.Image:
    """Pad the image with white to a square; an odd column or row goes after it, as in timm."""
    small = ImageOps.contain(image, (48, 32), Image.Resampling.BICUBIC)
    sheet = Image.new("RGB", (48, 32), "white")
    sheet.paste(small, ((48 - small.width) // 2, (32 - small.height) // 2))
    return sheet


@pytest.mark.parametrize("scaled", [0.0, 2.0])
@pytest.mark.parametrize("resize", ["squash", "pad"])
@pytest.mark.parametrize("kind", KINDS)
def test_images_are_turned_upright(kind: str, resize: str, scaled: float) -> None:
    pillow_heif.register_heif_opener()
    for orientation in range(1, 9):
        data = turned(kind, orientation)
        picture = read_picture(data, Recipe(32, 48, resize, "bicubic", scaled))  # type: ignore[arg-type]
        upright = ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB")
        assert (picture.width, picture.height) == upright.size, orientation
        small = padded(upright) if resize == "pad" else upright.resize((48, 32), Image.Resampling.BICUBIC)
        assert decibels(picture.pixels, np.asarray(small)) > 44, orientation


def test_shortest_crops_the_middle_of_the_upright_image() -> None:
    data = turned("JPEG", 6)
    picture = read_picture(data, Recipe(50, 50, "shortest", "bicubic", 0))
    upright = ImageOps.exif_transpose(Image.open(BytesIO(data)))
    resized = np.asarray(upright.resize((50, int(50 * upright.height / upright.width)), Image.Resampling.BICUBIC))
    top = round((resized.shape[0] - 50) / 2)
    assert decibels(picture.pixels, resized[top : top + 50]) > 50


def test_all_orientations_of_the_corpus_give_one_image(corpus: Path) -> None:
    for kind in ("Landscape", "Portrait"):
        pixels = [
            read_picture((corpus / "exif" / f"{kind}_{i}.jpg").read_bytes(), Recipe(64, 64, scaled_jpeg=1.0)).pixels
            for i in range(1, 9)
        ]
        assert all(decibels(other, pixels[0]) > 24 for other in pixels[1:])

"""Small drawn image files of many shapes and modes, with which the whole path to a vector is attested.

The service embeds the files through its own decoder and compares the vectors: a wrong channel order, an ignored
orientation or another resampling filter is detected.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

from tools.default_model.drawing.pictures import canvas_picture

Writer = Callable[[Image.Image, Path], None]


class GoldenFile(NamedTuple):
    """A file to draw: its name, the kind of picture, its size, and how it is written."""

    name: str
    kind: str
    height: int
    width: int
    write: Writer


ORIENTATION = 0x0112
WHITE = (255, 255, 255)
DEEP_STEPS = 257  # 65535 / 255: sixteen bits of grey to eight


def plain_jpeg(image: Image.Image, path: Path) -> None:
    """Write a baseline JPEG with the usual chroma subsampling."""
    image.save(path, "JPEG", quality=88)


def tall_png(image: Image.Image, path: Path) -> None:
    """Write an RGB PNG."""
    image.save(path, "PNG", optimize=True)


def grey_jpeg(image: Image.Image, path: Path) -> None:
    """Write a JPEG with one component."""
    image.convert("L").save(path, "JPEG", quality=88)


def alpha_png(image: Image.Image, path: Path) -> None:
    """Write a PNG whose opacity rises from left to right."""
    ramp = np.tile(np.linspace(0, 255, image.width).astype(np.uint8), (image.height, 1))
    transparent = image.convert("RGB")
    transparent.putalpha(Image.fromarray(ramp))
    transparent.save(path, "PNG", optimize=True)


def deep_png(image: Image.Image, path: Path) -> None:
    """Write a PNG with sixteen bits of grey, and values that eight bits cannot represent."""
    grey = np.asarray(image.convert("L")).astype(np.uint16)
    Image.fromarray(grey * 251 + 400).save(path, "PNG", optimize=True)


def turned_jpeg(image: Image.Image, path: Path) -> None:
    """Write a JPEG with EXIF orientation 6, as from a camera held upright."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    image.save(path, "JPEG", quality=88, exif=exif)


def cmyk_jpeg(image: Image.Image, path: Path) -> None:
    """Write a CMYK JPEG, as for print."""
    image.convert("CMYK").save(path, "JPEG", quality=85)


def palette_png(image: Image.Image, path: Path) -> None:
    """Write a PNG with a palette of 64 colours."""
    image.quantize(64).save(path, "PNG", optimize=True)


def large_jpeg(image: Image.Image, path: Path) -> None:
    """Write a JPEG large enough for scaled decoding."""
    smooth = image.resize((1600, 1200), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(3))
    smooth.save(path, "JPEG", quality=80)


def huge_jpeg(image: Image.Image, path: Path) -> None:
    """Write a JPEG of ten megapixels with sensor noise, the hard case for scaled decoding."""
    smooth = image.resize((4000, 2600), Image.Resampling.BICUBIC)
    coarse = np.random.default_rng(1).normal(128, 5, (1300, 2000)).astype(np.uint8)
    grain = Image.fromarray(coarse).resize(smooth.size, Image.Resampling.NEAREST)
    ImageChops.add(smooth, Image.merge("RGB", (grain,) * 3), offset=-128).save(path, "JPEG", quality=70)


GOLDEN_FILES: tuple[GoldenFile, ...] = (
    GoldenFile("wide.jpg", "landscape_picture", 200, 360, plain_jpeg),
    GoldenFile("tall.png", "page_picture", 360, 200, tall_png),
    GoldenFile("grey.jpg", "leaves_picture", 210, 280, grey_jpeg),
    GoldenFile("alpha.png", "leaves_picture", 180, 240, alpha_png),
    GoldenFile("deep.png", "landscape_picture", 150, 200, deep_png),
    GoldenFile("turned.jpg", "subject_picture", 240, 320, turned_jpeg),
    GoldenFile("cmyk.jpg", "captioned_picture", 200, 260, cmyk_jpeg),
    GoldenFile("palette.png", "plant_picture", 180, 220, palette_png),
    GoldenFile("tiny.png", "leaves_picture", 9, 20, tall_png),
    GoldenFile("large.jpg", "subject_picture", 300, 400, large_jpeg),
)
# More goldens for models with a usual input size (224 pixels and more): sharp, and larger than the input.
SHARP_GOLDEN_FILES: tuple[GoldenFile, ...] = (
    GoldenFile("sharp.png", "page_picture", 700, 1023, tall_png),
    GoldenFile("banner.png", "leaves_picture", 301, 1337, tall_png),
    GoldenFile("tower.jpg", "panels_picture", 1100, 420, plain_jpeg),
    GoldenFile("huge.jpg", "landscape_picture", 520, 800, huge_jpeg),
)


def write_pictures(folder: Path, seed: int, rows: tuple[GoldenFile, ...]) -> list[str]:
    """Write the files; return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, (name, kind, height, width, write) in enumerate(rows):
        picture = canvas_picture(kind, seed + place, max(height, 48), max(width, 48))
        write(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR), folder / name)
    return [row.name for row in rows]


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert any mode to RGB: scale 16-bit grey, composite transparency over white."""
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float64) / DEEP_STEPS
        image = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, (*WHITE, 255))
        image = Image.alpha_composite(background, image)
    return image.convert("RGB")


def open_as_displayed(path: Path) -> Image.Image:
    """Open a file as a viewer shows it, with plain Pillow: decoded in full, rotated by EXIF, RGB."""
    with Image.open(path) as opened:
        opened.load()
        upright = ImageOps.exif_transpose(opened)
    return to_rgb(upright)

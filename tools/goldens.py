"""Small picture files of many shapes and modes, drawn: what a model's whole path is proved with.

The service embeds the files through its own decoder and compares: a wrong colour order, a forgotten
orientation or another resampling shows at once.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

from tools.default_model.drawing.pictures import canvas_picture

Writer = Callable[[Image.Image, Path], None]
GoldenFile = tuple[str, str, int, int, Writer]
ORIENTATION = 0x0112
WHITE = (255, 255, 255)
DEEP_STEPS = 257
"""65535 / 255: sixteen bits of grey to eight."""


def plain_jpeg(image: Image.Image, path: Path) -> None:
    """Baseline JPEG with the usual chroma subsampling."""
    image.save(path, "JPEG", quality=88)


def tall_png(image: Image.Image, path: Path) -> None:
    """An upright RGB PNG."""
    image.save(path, "PNG", optimize=True)


def grey_jpeg(image: Image.Image, path: Path) -> None:
    """A JPEG of one component."""
    image.convert("L").save(path, "JPEG", quality=88)


def alpha_png(image: Image.Image, path: Path) -> None:
    """Transparency that rises from left to right."""
    ramp = np.tile(np.linspace(0, 255, image.width).astype(np.uint8), (image.height, 1))
    clear = image.convert("RGB")
    clear.putalpha(Image.fromarray(ramp))
    clear.save(path, "PNG", optimize=True)


def deep_png(image: Image.Image, path: Path) -> None:
    """Sixteen bits of grey, using values that eight bits cannot hold."""
    grey = np.asarray(image.convert("L")).astype(np.uint16)
    Image.fromarray(grey * 251 + 400).save(path, "PNG", optimize=True)


def turned_jpeg(image: Image.Image, path: Path) -> None:
    """A photograph taken with the camera on its side: EXIF orientation 6."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    image.save(path, "JPEG", quality=88, exif=exif)


def cmyk_jpeg(image: Image.Image, path: Path) -> None:
    """Four inks, as printers leave them."""
    image.convert("CMYK").save(path, "JPEG", quality=85)


def palette_png(image: Image.Image, path: Path) -> None:
    """Sixty-four colours by number."""
    image.quantize(64).save(path, "PNG", optimize=True)


def large_jpeg(image: Image.Image, path: Path) -> None:
    """Large enough for a decoder to scale while it decodes."""
    smooth = image.resize((1600, 1200), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(3))
    smooth.save(path, "JPEG", quality=80)


def huge_jpeg(image: Image.Image, path: Path) -> None:
    """Ten megapixels with the grain of a camera, which a shortcut in decoding has to survive."""
    smooth = image.resize((4000, 2600), Image.Resampling.BICUBIC)
    coarse = np.random.default_rng(1).normal(128, 5, (1300, 2000)).astype(np.uint8)
    grain = Image.fromarray(coarse).resize(smooth.size, Image.Resampling.NEAREST)
    ImageChops.add(smooth, Image.merge("RGB", (grain,) * 3), offset=-128).save(path, "JPEG", quality=70)


# Name, picture kind, height, width, how it is written.
GOLDEN_FILES: tuple[GoldenFile, ...] = (
    ("wide.jpg", "landscape_picture", 200, 360, plain_jpeg),
    ("tall.png", "page_picture", 360, 200, tall_png),
    ("grey.jpg", "leaves_picture", 210, 280, grey_jpeg),
    ("alpha.png", "leaves_picture", 180, 240, alpha_png),
    ("deep.png", "landscape_picture", 150, 200, deep_png),
    ("turned.jpg", "subject_picture", 240, 320, turned_jpeg),
    ("cmyk.jpg", "captioned_picture", 200, 260, cmyk_jpeg),
    ("palette.png", "plant_picture", 180, 220, palette_png),
    ("tiny.png", "leaves_picture", 9, 20, tall_png),
    ("large.jpg", "subject_picture", 300, 400, large_jpeg),
)
# What models of a usual size (224 pixels and more) are proved with beside those: sharp, larger than their input.
SHARP_GOLDEN_FILES: tuple[GoldenFile, ...] = (
    ("sharp.png", "page_picture", 700, 1023, tall_png),
    ("banner.png", "leaves_picture", 301, 1337, tall_png),
    ("tower.jpg", "panels_picture", 1100, 420, plain_jpeg),
    ("huge.jpg", "landscape_picture", 520, 800, huge_jpeg),
)


def write_pictures(folder: Path, seed: int, rows: tuple[GoldenFile, ...]) -> list[str]:
    """Write the files; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, (name, kind, height, width, write) in enumerate(rows):
        picture = canvas_picture(kind, seed + place, max(height, 48), max(width, 48))
        write(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR), folder / name)
    return [row[0] for row in rows]


def to_rgb(image: Image.Image) -> Image.Image:
    """Any mode to RGB: deep grey scaled, transparency laid over white."""
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float64) / DEEP_STEPS
        image = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (*WHITE, 255))
        image = Image.alpha_composite(ground, image)
    return image.convert("RGB")


def open_as_displayed(path: Path) -> Image.Image:
    """A file as a person sees it, by plain Pillow: decoded in full, turned by EXIF, RGB."""
    with Image.open(path) as opened:
        opened.load()
        upright = ImageOps.exif_transpose(opened)
    return to_rgb(upright)

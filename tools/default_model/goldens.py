"""Small picture files of many shapes and modes, with the vectors PyTorch gives them.

The service embeds the files through its own decoder and compares: a wrong colour order, a forgotten
orientation or another resampling shows at once.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import nn

from .pictures import canvas_picture
from .pixels import Pixels
from .reference import reference_pixels

Writer = Callable[[Image.Image, Path], None]
ORIENTATION = 0x0112


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


# Name, picture kind, height, width, how it is written.
FILES: tuple[tuple[str, str, int, int, Writer], ...] = (
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


def write_goldens(model: nn.Module, folder: Path, seed: int, size: int) -> list[str]:
    """Write the files and `reference.npz`; returns the files' names in the order of the arrays."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels: list[Pixels] = []
    for place, (name, kind, height, width, write) in enumerate(FILES):
        picture = canvas_picture(kind, seed + place, max(height, 48), max(width, 48))
        image = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
        write(image, folder / name)
        pixels.append(reference_pixels(folder / name, size))
    stacked = np.stack(pixels)
    with torch.inference_mode():
        vectors = model(torch.from_numpy(stacked)).numpy()
    np.savez_compressed(folder / "reference.npz", pixels=stacked, vectors=vectors)
    return [file[0] for file in FILES]

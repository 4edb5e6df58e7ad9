"""Small generated images: two of each format in the table of formats."""

import struct
from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

from models.decode.reason import DecodeError


@cache
def scene(width: int = 120, height: int = 80, seed: int = 1) -> Image.Image:
    """Return a smooth colour image without any symmetry, so that every wrong rotation shows."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def fading() -> Image.Image:
    """Return the scene, transparent at the top and opaque at the bottom."""
    image = scene().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return the image encoded by Pillow."""
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def heic(image: Image.Image, **options: Any) -> bytes:
    """Return the image as HEVC in HEIF, with the container's irot and imir boxes where `exif` has an orientation."""
    pillow_heif.register_heif_opener()
    return saved(image, "HEIF", quality=90, **options)


def psd(image: Image.Image, depth: int = 8) -> bytes:
    """Return a flat Photoshop document, which Pillow reads but does not write."""
    channels = 3 if image.mode == "RGB" else 1
    header = struct.pack(
        ">4sH6xHIIHH", b"8BPS", 1, channels, image.height, image.width, depth, 3 if channels == 3 else 1
    )
    planes = np.asarray(image).reshape(image.height, image.width, channels).transpose(2, 0, 1).tobytes()
    return header + bytes(12) + bytes(2) + planes


def _animated() -> bytes:
    frames = [scene(seed=seed).quantize(32) for seed in range(3)]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=80)


def _deep() -> Image.Image:
    return Image.fromarray(np.asarray(scene().convert("L")).astype(np.uint16) * 257)


SPECIMENS: dict[str, tuple[Callable[[], bytes], Callable[[], bytes]]] = {
    "jpeg": (lambda: saved(scene(), "JPEG"), lambda: saved(scene(), "JPEG", progressive=True, quality=90)),
    "png": (lambda: saved(scene(), "PNG"), lambda: saved(scene().quantize(64), "PNG")),
    "webp": (lambda: saved(scene(), "WEBP"), lambda: saved(scene().convert("RGBA"), "WEBP", lossless=True)),
    "gif": (lambda: saved(scene().quantize(64), "GIF"), _animated),
    "heif": (lambda: heic(scene()), lambda: heic(scene().convert("L"))),
    "avif": (lambda: saved(scene(), "AVIF", speed=9), lambda: saved(scene().convert("RGBA"), "AVIF", speed=9)),
    "tiff": (lambda: saved(_deep(), "TIFF"), lambda: saved(scene(), "TIFF", compression="tiff_lzw")),
    "bmp": (lambda: saved(scene(), "BMP"), lambda: saved(scene().quantize(16), "BMP")),
    "jpeg2000": (
        lambda: saved(scene(), "JPEG2000"),
        lambda: saved(scene().convert("L"), "JPEG2000", no_jp2=True),
    ),
    "psd": (lambda: psd(scene()), lambda: psd(scene().convert("L"))),
    "pnm": (lambda: saved(scene(), "PPM"), lambda: saved(scene().convert("1"), "PPM")),
    "ico": (
        lambda: saved(scene(64, 64), "ICO", sizes=[(64, 64)]),
        lambda: saved(scene(32, 32), "ICO", sizes=[(32, 32)], bitmap_format="bmp"),
    ),
    "icns": (lambda: saved(scene(128, 128), "ICNS"), lambda: saved(scene(256, 256, 2), "ICNS")),
    "tga": (lambda: saved(scene(), "TGA"), lambda: saved(scene().convert("L"), "TGA", compression="tga_rle")),
    "sgi": (lambda: saved(scene(), "SGI"), lambda: saved(scene().convert("L"), "SGI", bpc=2)),
    "pcx": (lambda: saved(scene(), "PCX"), lambda: saved(scene().convert("L"), "PCX")),
}


@cache
def specimen(format: str, number: int = 0) -> bytes:
    """Return the first or second sample of a format."""
    return SPECIMENS[format][number]()


def reason_of(read: Callable[[], object]) -> str:
    """Return the reason of the DecodeError that a call raises, or "ok"."""
    try:
        read()
    except DecodeError as error:
        return str(error.reason)
    return "ok"

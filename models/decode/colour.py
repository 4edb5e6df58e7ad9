"""Conversion of any Pillow mode to plain RGB or grey; none is left to a default."""

from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from models.decode.reason import DecodeError, RejectReason

ALPHA_MODES = frozenset({"RGBA", "LA", "PA", "La", "RGBa"})
PREMULTIPLIED_MODES = {"RGBa": "RGBA", "La": "LA"}


def flatten(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """Convert to RGB, or L if all channels are equal (a third of the work). Raises DecodeError(UNSUPPORTED)."""
    mode = image.mode
    if mode in ("RGB", "L"):
        # A colour key (tRNS, GIF) makes the pixels of one colour transparent, which only RGBA can express.
        return _composite_over(image.convert("RGBA"), background) if "transparency" in image.info else image
    if mode == "1":
        return flatten(image.convert("L"), background)
    if mode == "P":
        has_alpha = "transparency" in image.info or getattr(image.palette, "mode", "RGB") == "RGBA"
        return _composite_over(image.convert("RGBA"), background) if has_alpha else image.convert("RGB")
    if mode in ALPHA_MODES:
        return _composite_over(image, background)
    if mode.startswith("I;16"):
        # 65535/255 = 257 exactly; dropping the low byte instead darkens by half a step.
        return _grey(np.asarray(image).astype(np.float32) / 257)
    if mode in ("I", "F"):
        return _grey(_scale_to_byte_range(np.asarray(image)))
    if mode == "LAB":
        return _from_lab(image)
    if mode in ("CMYK", "YCbCr", "HSV", "RGBX"):
        return image.convert("RGB")
    raise DecodeError(RejectReason.UNSUPPORTED, f"pixel mode {mode}")


def _composite_over(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    image = image.convert(PREMULTIPLIED_MODES.get(image.mode, "RGBA"))
    alpha = image.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return image.convert("L" if image.mode == "LA" else "RGB")
    canvas = Image.new("RGB", image.size, background)
    canvas.paste(image.convert("RGB"), mask=alpha)
    return canvas


def _grey(values: np.ndarray[Any, Any]) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def _scale_to_byte_range(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Scale numbers without a stated range: assume 0..1, 0..255 or 0..65535 by the maximum, else 0..maximum.

    Stretching from minimum to maximum was tried and dropped: one hot pixel, or a crop, changes every other pixel.
    """
    values = np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0)
    top = float(values.max(initial=0))
    if top <= 1:
        return values * 255
    if top <= 255:
        return values
    return values / 257 if top <= 65535 else values * (255 / top)


@cache
def _lab_transform() -> Any:
    from PIL import ImageCms  # takes 15 ms, and hardly any collection needs it

    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")


def _from_lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    converted = ImageCms.applyTransform(image, _lab_transform())
    assert converted is not None  # None is returned for in-place conversion only
    return converted

"""Photoshop documents: the flattened picture that they carry behind their layers."""

from models.plain import load_plain, open_plain
from models.raster import Raster
from models.reason import Reason, Unfit
from models.recipe import Recipe


def decode_psd(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Raises Unfit(UNSUPPORTED) for 16 and 32 bits a channel, otherwise what Pillow raises."""
    depth = int.from_bytes(data[22:24], "big")
    if depth in (16, 32):
        raise Unfit(Reason.UNSUPPORTED, f"Photoshop document of {depth} bits a channel")
    return load_plain(open_plain("PsdImagePlugin", "PsdImageFile", data), max_pixels, pages=True)

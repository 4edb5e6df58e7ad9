"""Pillow as a plain decoder: one plugin opened directly, without warnings, and with our own limit on pixels."""

import logging
import warnings
from functools import cache
from importlib import import_module
from io import BytesIO

from PIL import Image, ImageFile

from models.decode.exif import read_exif
from models.decode.raster import Raster, check_pixel_count

# Pixels of later frames that are decoded to verify them, about half a second; beyond that only structure is checked.
VERIFIED_PIXELS = 50_000_000

# Warnings about metadata are not for the service's terminal; faults arrive as exceptions.
warnings.filterwarnings("ignore", module=r"PIL\.")
warnings.simplefilter("ignore", Image.DecompressionBombWarning)
logging.getLogger("PIL").propagate = False
logging.getLogger("PIL").addHandler(logging.NullHandler())  # without a handler its errors go to the terminal


def set_pixel_limit(max_pixels: int) -> None:
    """Set Pillow's limit, for containers whose headers are not read here (icons, frames). It refuses at twice that."""
    Image.MAX_IMAGE_PIXELS = max(1, max_pixels // 2)
    ImageFile.LOAD_TRUNCATED_IMAGES = False


@cache
def _plugin(module: str, name: str) -> type[ImageFile.ImageFile]:
    plugin: type[ImageFile.ImageFile] = getattr(import_module(f"PIL.{module}"), name)
    return plugin


def open_with_plugin(module: str, name: str, data: bytes) -> ImageFile.ImageFile:
    """Read the header with one plugin. Image.open would try several, and load all forty for a rare format."""
    return _plugin(module, name)(BytesIO(data))


def load_raster(image: ImageFile.ImageFile, max_pixels: int, *, pages: bool = False) -> Raster:
    """Decode the first frame; verify later ones unless they are other images (`pages`). Raises what Pillow raises."""
    check_pixel_count(*image.size, max_pixels)
    image.load()
    exif = image.info.get("exif", b"")
    exif = exif if isinstance(exif, bytes) else b""
    frames = 1 if pages else getattr(image, "n_frames", 1)
    first: Image.Image = image
    if frames > 1:
        first = image.copy()
        _verify_frames(image, frames)
    note = f"animated, {frames} frames" if frames > 1 else ""
    return Raster(first, first.width, first.height, read_exif(exif).orientation, exif, note)


def _verify_frames(image: ImageFile.ImageFile, frames: int) -> None:
    for index in range(1, min(frames, VERIFIED_PIXELS // (image.width * image.height) + 1)):
        try:
            image.seek(index)
        except EOFError:  # the container counts more frames than the plugin shows
            return
        image.load()

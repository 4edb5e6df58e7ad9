"""The worker process that makes thumbnails of files that may be hostile.

`python -m catalog.report.thumbnail_worker MEMORY PIXELS` reads paths in hex, one per line, from stdin, and prints for
each a line with a small JPEG in base64, or an empty one. A file may crash or block it; catalog.report.thumbnails
handles both.
"""

import logging
import sys
import warnings
from base64 import b64encode
from io import BytesIO

from PIL import Image, ImageFile, ImageOps

from catalog.filesystem.safe_read import open_regular
from catalog.sandbox import confine

MAX_EDGE_PIXELS = 320  # longer side: sharp at 160 CSS pixels on a high-density screen
JPEG_QUALITY = 72
MAX_BYTES = 256_000_000
BACKGROUND = (255, 255, 255)


def thumbnail_jpeg(data: bytes, max_pixels: int) -> bytes:
    """Return an upright JPEG of at most MAX_EDGE_PIXELS per side. Raises whatever a decoder raises.

    A damaged image is shown as far as it can be decoded: its owner wants to see the damage.
    """
    image = _open_image(data, max_pixels)
    if image.width * image.height > max_pixels:
        raise ValueError("too many pixels")
    if isinstance(image, ImageFile.ImageFile):
        image.draft("RGB", (MAX_EDGE_PIXELS, MAX_EDGE_PIXELS))
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((MAX_EDGE_PIXELS, MAX_EDGE_PIXELS), reducing_gap=2.0)
    out = BytesIO()
    _to_rgb(upright).save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def _open_image(data: bytes, max_pixels: int) -> Image.Image:
    from models.decode.heif.boxes import is_heif

    if not is_heif(data):
        return Image.open(BytesIO(data))
    from models.decode.heif.decoder import decode_heif
    from models.recipe import Recipe

    return decode_heif(data, Recipe(MAX_EDGE_PIXELS, MAX_EDGE_PIXELS), max_pixels).image


def _to_rgb(image: Image.Image) -> Image.Image:
    """Return the image as RGB on a white background. 16-bit grey is scaled down, where `convert` would clip it."""
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        foreground = image.convert("RGBA")
        background = Image.new("RGBA", foreground.size, BACKGROUND)
        return Image.alpha_composite(background, foreground).convert("RGB")
    return image.convert("RGB")


def read_file(path: bytes) -> bytes:
    """Return the bytes of a regular file, if possible without changing its access time. Raises OSError."""
    with open_regular(path) as opened, open(opened.handle, "rb", closefd=False) as file:
        if opened.stat.st_size > MAX_BYTES:
            raise OSError("too large to be shown")
        return file.read(MAX_BYTES)


def main() -> None:
    """Make thumbnails until stdin ends."""
    memory, max_pixels = map(int, sys.argv[1:])
    confine(memory, may_write=False)
    Image.MAX_IMAGE_PIXELS = max(1, max_pixels // 2)  # Pillow refuses twice as many, also inside containers
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    warnings.simplefilter("ignore")
    logging.disable()
    for line in sys.stdin:
        try:
            jpeg = b64encode(thumbnail_jpeg(read_file(bytes.fromhex(line)), max_pixels)).decode("ascii")
        except Exception:
            jpeg = ""
        print(jpeg, flush=True)


if __name__ == "__main__":
    main()

"""Small pictures of files that may be hostile: a process of its own that reads paths and writes JPEGs.

`python -m catalog.report.thumbnail_worker MEMORY PIXELS` answers each line on stdin, a path in hex, by a line on
stdout: a small JPEG in base64, or nothing. It may die of a file or never come to an end; catalog.report.thumbnails
sees to that.
"""

import logging
import sys
import warnings
from base64 import b64encode
from io import BytesIO

from PIL import Image, ImageFile, ImageOps

from catalog.filesystem.safe_read import open_regular
from catalog.sandbox import confine

MAX_EDGE_PIXELS = 320  # pixels of the longer side: sharp at 160 on a dense screen
JPEG_QUALITY = 72
MAX_BYTES = 256_000_000
BACKGROUND = (255, 255, 255)


def thumbnail_jpeg(data: bytes, max_pixels: int) -> bytes:
    """A JPEG of at most EDGE pixels a side, turned as it is to be shown. Raises whatever a decoder raises.

    A damaged picture is shown as far as it goes: that is what its owner wants to see.
    """
    image = _open_image(data, max_pixels)
    if image.width * image.height > max_pixels:
        raise ValueError("too many pixels")
    if isinstance(image, ImageFile.ImageFile):
        image.draft("RGB", (MAX_EDGE_PIXELS, MAX_EDGE_PIXELS))
    turned = ImageOps.exif_transpose(image)
    turned.thumbnail((MAX_EDGE_PIXELS, MAX_EDGE_PIXELS), reducing_gap=2.0)
    out = BytesIO()
    _to_rgb(turned).save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def _open_image(data: bytes, max_pixels: int) -> Image.Image:
    from models.decode.heif.boxes import is_heif

    if not is_heif(data):
        return Image.open(BytesIO(data))
    from models.decode.heif.decoder import decode_heif
    from models.recipe import Recipe

    return decode_heif(data, Recipe(MAX_EDGE_PIXELS, MAX_EDGE_PIXELS), max_pixels).image


def _to_rgb(image: Image.Image) -> Image.Image:
    """RGB, with what shows through in white; 16 bits of grey are brought down, which `convert` would cut off."""
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        over = image.convert("RGBA")
        under = Image.new("RGBA", over.size, BACKGROUND)
        return Image.alpha_composite(under, over).convert("RGB")
    return image.convert("RGB")


def read_file(path: bytes) -> bytes:
    """The bytes of a regular file, without a trace where that is allowed. Raises OSError."""
    with open_regular(path) as opened, open(opened.handle, "rb", closefd=False) as file:
        if opened.stat.st_size > MAX_BYTES:
            raise OSError("no file that could be shown")
        return file.read(MAX_BYTES)


def main() -> None:
    """Answer until stdin ends."""
    memory, max_pixels = map(int, sys.argv[1:])
    confine(memory, may_write=False)
    Image.MAX_IMAGE_PIXELS = max(1, max_pixels // 2)  # Pillow refuses at twice that, also inside containers
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    warnings.simplefilter("ignore")
    logging.disable()
    for line in sys.stdin:
        try:
            answer = b64encode(thumbnail_jpeg(read_file(bytes.fromhex(line)), max_pixels)).decode("ascii")
        except Exception:
            answer = ""
        print(answer, flush=True)


if __name__ == "__main__":
    main()

"""GIF (89a specification): every block up to the trailer, then the frames."""

from PIL import Image

from models.decode.decoder_errors import truncation_as_damage
from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.raster import Raster, check_pixel_count
from models.decode.reason import DecodeError, RejectReason
from models.recipe import Recipe

EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B


def decode_gif(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Decode the first frame. Raises DecodeError, or what Pillow raises."""
    check_blocks(data, max_pixels)
    with truncation_as_damage():
        opened = open_with_plugin("GifImagePlugin", "GifImageFile", data)
        covered = opened.tile[0].extents if opened.tile else None
        raster = load_raster(opened, max_pixels)
    if covered and covered != (0, 0, *raster.image.size) and "transparency" not in raster.image.info:
        raster.image = _make_uncovered_transparent(raster.image, covered)
    return raster


def _make_uncovered_transparent(image: Image.Image, covered: tuple[int, int, int, int]) -> Image.Image:
    """Make the part of the screen outside the first frame transparent; Pillow fills it with the first colour."""
    alpha = Image.new("L", image.size, 0)
    alpha.paste(255, covered)
    transparent = image.convert("RGBA")
    transparent.putalpha(alpha)
    return transparent


def check_blocks(data: bytes, max_pixels: int) -> int:
    """Return the number of frames. Raises DecodeError: TRUNCATED without a trailer, DAMAGED for an unknown block."""
    at, frames, end, block = 13 + _colour_table_bytes(data, 10), 0, len(data), 0
    while at < end:
        block = data[at]
        if block == TRAILER:
            if not frames:
                raise DecodeError(RejectReason.DAMAGED, "no image before the trailer")
            return frames
        if block == EXTENSION:
            at = _sub_blocks(data, at + 2)
        elif block == IMAGE and at + 10 < end:
            check_pixel_count(_uint16(data, at + 5), _uint16(data, at + 7), max_pixels)
            at = _sub_blocks(data, at + 11 + _colour_table_bytes(data, at + 9))
            frames += 1
        elif block == 0:  # some writers terminate a block twice
            at += 1
        else:
            raise DecodeError(RejectReason.DAMAGED, f"unknown block at byte {at}")
    if at == end and block == IMAGE:  # some writers omit the trailer; a truncated file would hardly end exactly here
        return frames
    raise DecodeError(RejectReason.TRUNCATED, "no trailer")


def _sub_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


def _colour_table_bytes(data: bytes, flags: int) -> int:
    if flags >= len(data):
        raise DecodeError(RejectReason.TRUNCATED, "the file ends in a header")
    return 3 << (data[flags] & 7) + 1 if data[flags] & 0x80 else 0


def _uint16(data: bytes, at: int) -> int:
    return data[at] | data[at + 1] << 8

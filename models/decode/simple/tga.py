"""TGA: checked by the length that its header implies, and by its footer."""

from PIL import Image, ImageChops

from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.raster import Raster, check_pixel_count
from models.decode.reason import DecodeError, RejectReason, length_mismatch
from models.decode.simple.tga_layout import FOOTER, RAW_DEPTHS, image_size, packets, pixels_end, pixels_start
from models.decode.zero_runs import lost_rows
from models.recipe import Recipe


def decode_tga(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Decode the image; it is suspect if its pixels do not match the length of the file.

    Raises DecodeError, or what Pillow raises.
    """
    check_pixel_count(*image_size(data), max_pixels)
    raw = data if data[2] in RAW_DEPTHS else _unpacked(data)
    raster = load_raster(open_with_plugin("TgaImagePlugin", "TgaImageFile", raw), max_pixels)
    if data[16] == 16 and raster.image.mode == "RGBA":
        raster.image = _apply_attribute_bit(raster.image, data[17])
    if raster.image.mode == "RGBA" and raster.image.getchannel("A").getextrema() == (0, 0):
        raster.image = raster.image.convert("RGB")  # many writers leave the fourth byte empty in an opaque image
    end = pixels_end(data)
    raster.suspect = _length_mismatch(data, end)
    if data[2] in RAW_DEPTHS and not raster.suspect:
        raster.suspect = lost_rows(data, pixels_start(data), end, raster.height, upwards=not data[17] & 0x20)
    return raster


def _apply_attribute_bit(image: Image.Image, descriptor: int) -> Image.Image:
    """Drop the sixteenth bit where it is not alpha; otherwise it is set in opaque pixels, and Pillow inverts it."""
    if not descriptor & 0x0F:
        return image.convert("RGB")
    image.putalpha(ImageChops.invert(image.getchannel("A")))
    return image


def _unpacked(data: bytes) -> bytes:
    """Return the same image uncompressed: version 1 allowed packets across rows, which Pillow refuses."""
    width, height = image_size(data)
    at, remaining = pixels_start(data), width * height
    parts = [data[:2], bytes([data[2] & 7]), data[3:at]]
    for stop, pixels in packets(data):
        part = data[at + 1 : stop]
        parts.append(part * pixels if data[at] & 0x80 else part)
        at, remaining = stop, remaining - pixels
    if remaining > 0 or at > len(data):
        missing = max(remaining, 1)
        raise DecodeError(RejectReason.TRUNCATED, f"the data ends {missing} pixels before the image does")
    if remaining < 0:
        raise DecodeError(RejectReason.DAMAGED, "a run of pixels goes on past the image")
    return b"".join(parts)


def _length_mismatch(data: bytes, expected: int) -> str:
    footer = data.rfind(FOOTER)
    extra = len(data) - expected
    if footer >= 0:
        extension, developer = (int.from_bytes(data[at : at + 4], "little") for at in (footer - 8, footer - 4))
        if any(offset and not expected <= offset < len(data) for offset in (extension, developer)):
            return "its footer points into the image, or past the end"
        extra = 0 if extension or developer else footer - 8 - expected
    return length_mismatch(extra)

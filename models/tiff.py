"""TIFF and BigTIFF: page one in full. Camera raw in a TIFF's clothes is told apart: its page one is a thumbnail."""

from typing import Any, Literal

from models.overhear import overhear
from models.plain import load_plain, open_plain
from models.raster import Raster
from models.reason import Reason, Unfit
from models.recipe import Recipe

SUBFILE, COMPRESSION, PHOTOMETRIC, SUB_IFDS, DNG_VERSION = 254, 259, 262, 330, 50706
RAW_COMPRESSION = frozenset({32767, 32769, 32770, 34713, 65000, 65535})  # Sony, Epson, Samsung, Nikon, Kodak, Pentax
RAW_PHOTOMETRIC = frozenset({32803, 34892})  # colour filter array, linear raw


def decode_tiff(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Raises Unfit(UNSUPPORTED) for camera raw, otherwise Unfit with libtiff's words or what Pillow raises.

    libtiff reports a bad code word in a fax strip and goes on: its words count as a fault, as libjpeg's warnings do.
    """
    if data.startswith(b"MM\0+"):
        raise Unfit(Reason.UNSUPPORTED, "BigTIFF in big-endian order")  # Pillow reads the magic of one order only
    error: Exception | None = None
    with overhear() as words:
        try:
            raster = _decode(data, max_pixels)
        except Exception as raised:
            error = raised
    if words and not isinstance(error, Unfit):
        error = Unfit(_judge(words[-1]), words[-1])
    if error:
        raise _cut_short(data) or error
    return raster


def _judge(words: str) -> Reason:
    if "not configured" in words or "not supported" in words:
        return Reason.UNSUPPORTED
    return Reason.TRUNCATED if "Read error" in words else Reason.DAMAGED


def _cut_short(data: bytes) -> Unfit | None:
    """A directory past the end: many writers put it last, so that a cut file loses it first."""
    big = data[2:3] == b"+"
    order: Literal["little", "big"] = "little" if data[:1] == b"I" else "big"
    directory = int.from_bytes(data[8:16] if big else data[4:8], order)
    if directory + 2 <= len(data):
        return None
    return Unfit(Reason.TRUNCATED, f"the directory should be at byte {directory}, the file has {len(data)}")


def _decode(data: bytes, max_pixels: int) -> Raster:
    image = open_plain("TiffImagePlugin", "TiffImageFile", data)
    if is_raw(getattr(image, "tag_v2", {})):
        raise Unfit(Reason.UNSUPPORTED, "camera raw")
    pages = getattr(image, "n_frames", 1)
    image.seek(0)
    raster = load_plain(image, max_pixels, pages=True)
    raster.orientation = 1  # Pillow turns a TIFF upright by itself
    raster.exif = data if data[2:4] in (b"*\0", b"\0*") else b""
    raster.note = f"first of {pages} pages" if pages > 1 else ""
    return raster


def is_raw(tags: Any) -> bool:
    """Whether the first directory is a raw file's: marked so, or a reduced copy beside hidden full-size ones."""
    if DNG_VERSION in tags or tags.get(COMPRESSION) in RAW_COMPRESSION or tags.get(PHOTOMETRIC) in RAW_PHOTOMETRIC:
        return True
    reduced = tags.get(SUBFILE, 0)
    return SUB_IFDS in tags and isinstance(reduced, int) and bool(reduced & 1)

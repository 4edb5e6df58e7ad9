"""TIFF and BigTIFF: page one in full, the others as proof.

Camera raw in a TIFF's clothes is told apart: its page one is a thumbnail.
"""

from typing import Any, Literal

from PIL import ImageFile

from models.fault import fault
from models.holes import lost_rows
from models.overhear import overhear
from models.plain import PROVE, load_plain, open_plain
from models.raster import Raster
from models.reason import Reason, Unfit
from models.recipe import Recipe
from models.tiff_directory import check_directories

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
            image = open_plain("TiffImagePlugin", "TiffImageFile", data)
            raster = _decode(image, data, max_pixels)
        except Exception as raised:
            error = raised
    if words and not isinstance(error, Unfit):
        error = Unfit(_judge(words[-1]), words[-1])
    if error:
        raise _cut_short(data) or error
    raster.suspect = _suspect(image, data, raster)
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


def _suspect(image: ImageFile.ImageFile, data: bytes, raster: Raster) -> str:
    """What the directories promise and is not there, pixels that look lost, or a later page that does not decode."""
    found = check_directories(data)
    if found.faults:
        return found.faults[0]
    if found.raw:
        words = lost_rows(data, min(found.raw)[0], max(stop for _, stop in found.raw), raster.height)
        if words:
            return words
    return _prove_pages(image)


def _prove_pages(image: ImageFile.ImageFile) -> str:
    pages, left = getattr(image, "n_frames", 1), PROVE
    for page in range(1, pages):
        with overhear() as words:
            try:
                image.seek(page)
                left -= image.width * image.height
                if left < 0:
                    return ""
                image.load()
            except Exception as error:
                unfit = fault(error)
                if unfit.reason in (Reason.DAMAGED, Reason.TRUNCATED):
                    words.append(unfit.detail)
        if words and _judge(words[-1]) is not Reason.UNSUPPORTED:
            return f"page {page + 1} of {pages}: {words[-1]}"
    return ""


def _decode(image: ImageFile.ImageFile, data: bytes, max_pixels: int) -> Raster:
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

"""TIFF and BigTIFF: page one in full, the others as proof.

Camera raw in a TIFF's clothes is told apart: its page one is a thumbnail.

JPEG inside a TIFF (TIFF technical note 2): libtiff keeps libjpeg's warnings to itself, so every strip is walked.
"""

from PIL import ImageFile

from models.decode.decoder_errors import decode_error
from models.decode.jpeg.checks import FATAL_FAULTS, SUSPECT_FAULTS
from models.decode.jpeg.entropy import JpegFault, walk_jpeg
from models.decode.pillow_plugins import VERIFIED_PIXELS, load_raster, open_with_plugin
from models.decode.raster import Raster
from models.decode.reason import DecodeError, RejectReason
from models.decode.stderr_capture import capture_libtiff_messages
from models.decode.tiff.directory import COMPRESSION, TiffDirectory, check_directories, first_directory
from models.decode.tiff.kind import JPEG, UNSUPPORTED_COMPRESSIONS, partly_supported_kind, unsupported_kind
from models.decode.tiff.pixels import correct_pixels, libtiff_where_needed
from models.decode.zero_runs import lost_rows
from models.recipe import Recipe

JPEG_TABLES = 347  # shared by all strips: a JPEG of its own, without a picture
START_OF_IMAGE, END_OF_IMAGE = b"\xff\xd8", b"\xff\xd9"


def jpeg_strip_fault(page: TiffDirectory, data: bytes, max_pixels: int) -> str:
    """What is odd of the first strip or tile that is, or "". Raises Unfit(DAMAGED) for what no decoder can read.

    Measured on 12 sound files of eight writers: none shows any fault.
    """
    if page.only(COMPRESSION) != JPEG:
        return ""
    tables = page.bytes(JPEG_TABLES).removesuffix(END_OF_IMAGE) or START_OF_IMAGE
    suspect = ""
    for number, (start, stop) in enumerate(page.pieces()):
        strip = data[start:stop]
        walk = walk_jpeg(tables + strip[2:], max_pixels) if strip.startswith(START_OF_IMAGE) else None
        if walk is None:
            continue
        # One that stops early may be the last one, written as high as the others.
        if walk.fault in FATAL_FAULTS and walk.fault is not JpegFault.SHORT:
            raise DecodeError(RejectReason.DAMAGED, f"strip {number}: {FATAL_FAULTS[walk.fault]}")
        words = (FATAL_FAULTS | SUSPECT_FAULTS).get(walk.fault, "")
        suspect = suspect or (f"strip {number}: {words}" if words else "")
    return suspect


def decode_tiff(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Raises Unfit(UNSUPPORTED) for camera raw, otherwise Unfit with libtiff's words or what Pillow raises.

    libtiff reports a bad code word in a fax strip and goes on: its words count as a fault, as libjpeg's warnings do.
    """
    if data.startswith(b"MM\0+"):
        raise DecodeError(
            RejectReason.UNSUPPORTED, "BigTIFF in big-endian order"
        )  # Pillow reads the magic of one order only
    page = first_directory(data)
    if words := unsupported_kind(page):
        raise DecodeError(RejectReason.UNSUPPORTED, words)
    error: Exception | None = None
    with capture_libtiff_messages() as lines, libtiff_where_needed(page):
        try:
            image = open_with_plugin("TiffImagePlugin", "TiffImageFile", data)
            raster = _decode(image, data, max_pixels)
            raster.image = correct_pixels(raster.image, page)
        except Exception as raised:
            error = raised
    if lines and not isinstance(error, DecodeError):
        error = DecodeError(_reason_of(lines[-1]), lines[-1])
    if error and page.at + 2 > len(data):  # many writers put it last, so that a cut file loses it first
        raise DecodeError(
            RejectReason.TRUNCATED, f"the directory should be at byte {page.at}, the file has {len(data)}"
        )
    whole = all(stop <= len(data) for _, stop in page.pieces())
    if error and whole and (words := partly_supported_kind(page)):
        raise DecodeError(RejectReason.UNSUPPORTED, words) from error
    if error:
        raise error
    raster.suspect = jpeg_strip_fault(page, data, max_pixels) or _suspicion(image, data, raster)
    return raster


def _reason_of(words: str) -> RejectReason:
    if "not configured" in words or "not supported" in words:
        return RejectReason.UNSUPPORTED
    return RejectReason.TRUNCATED if "Read error" in words else RejectReason.DAMAGED


def _suspicion(image: ImageFile.ImageFile, data: bytes, raster: Raster) -> str:
    """What the directories promise and is not there, pixels that look lost, or a later page that does not decode."""
    found = check_directories(data)
    if found.faults:
        return found.faults[0]
    if found.raw:
        words = lost_rows(data, min(found.raw)[0], max(stop for _, stop in found.raw), raster.height)
        if words:
            return words
    return _verify_pages(image)


def _verify_pages(image: ImageFile.ImageFile) -> str:
    pages, left = _page_count(image), VERIFIED_PIXELS
    if not pages:
        return "a later page is not described"
    for page in range(1, pages):
        with capture_libtiff_messages() as words:
            try:
                image.seek(page)
                left -= image.width * image.height
                if left < 0:
                    return ""
                image.load()
            except Exception as error:
                unfit = decode_error(error)
                if (
                    isinstance(error, KeyError) and error.args[0] in UNSUPPORTED_COMPRESSIONS
                ):  # a compression that Pillow lacks
                    continue
                if unfit.reason in (RejectReason.DAMAGED, RejectReason.TRUNCATED):
                    words.append(unfit.detail)
        if words and _reason_of(words[-1]) is not RejectReason.UNSUPPORTED:
            return f"page {page + 1} of {pages}: {words[-1]}"
    return ""


def _page_count(image: ImageFile.ImageFile) -> int:
    """0 where Pillow cannot count them, because one that follows is none."""
    try:
        return getattr(image, "n_frames", 1)
    except (TypeError, SyntaxError, ValueError, OSError, LookupError):
        return 0


def _decode(image: ImageFile.ImageFile, data: bytes, max_pixels: int) -> Raster:
    pages = _page_count(image)
    image.seek(0)
    raster = load_raster(image, max_pixels, pages=True)
    if pages != 1:
        raster.image = image.copy()  # the later ones are proved in the same object
    raster.orientation = 1  # Pillow turns a TIFF upright by itself
    raster.exif = data if data[2:4] in (b"*\0", b"\0*") else b""
    raster.note = f"first of {pages} pages" if pages > 1 else ""
    return raster

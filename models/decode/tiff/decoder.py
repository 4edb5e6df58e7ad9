"""TIFF and BigTIFF: the first page is decoded, later ones are verified.

Camera raw files in TIFF format are rejected, because their first page is a thumbnail. libtiff suppresses libjpeg's
warnings about JPEG strips (TIFF technical note 2), so that every strip is walked as well.
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

JPEG_TABLES = 347  # a JPEG without an image, whose tables all strips share
START_OF_IMAGE, END_OF_IMAGE = b"\xff\xd8", b"\xff\xd9"


def jpeg_strip_fault(page: TiffDirectory, data: bytes, max_pixels: int) -> str:
    """Return the first suspicious fault of a JPEG strip or tile, or "". Raises DecodeError(DAMAGED) for a fatal one.

    Measured on 12 intact files of eight writers: none shows any fault.
    """
    if page.first_number(COMPRESSION) != JPEG:
        return ""
    tables = page.bytes(JPEG_TABLES).removesuffix(END_OF_IMAGE) or START_OF_IMAGE
    suspect = ""
    for number, (start, stop) in enumerate(page.strips_or_tiles()):
        strip = data[start:stop]
        walk = walk_jpeg(tables + strip[2:], max_pixels) if strip.startswith(START_OF_IMAGE) else None
        if walk is None:
            continue
        # The last strip may end early, if its header states the height of the others.
        if walk.fault in FATAL_FAULTS and walk.fault is not JpegFault.SHORT:
            raise DecodeError(RejectReason.DAMAGED, f"strip {number}: {FATAL_FAULTS[walk.fault]}")
        fault = (FATAL_FAULTS | SUSPECT_FAULTS).get(walk.fault, "")
        suspect = suspect or (f"strip {number}: {fault}" if fault else "")
    return suspect


def decode_tiff(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Decode the first page.

    Raises DecodeError(UNSUPPORTED) for camera raw, otherwise DecodeError with libtiff's message, or what Pillow raises.
    libtiff reports a bad code word in a fax strip and continues: its messages count as faults, like libjpeg's warnings.
    """
    if data.startswith(b"MM\0+"):  # Pillow recognizes BigTIFF in little-endian order only
        raise DecodeError(RejectReason.UNSUPPORTED, "BigTIFF in big-endian order")
    page = first_directory(data)
    if kind := unsupported_kind(page):
        raise DecodeError(RejectReason.UNSUPPORTED, kind)
    error: Exception | None = None
    with capture_libtiff_messages() as messages, libtiff_where_needed(page):
        try:
            image = open_with_plugin("TiffImagePlugin", "TiffImageFile", data)
            raster = _decode(image, data, max_pixels)
            raster.image = correct_pixels(raster.image, page)
        except Exception as raised:
            error = raised
    if messages and not isinstance(error, DecodeError):
        error = DecodeError(_reason_of(messages[-1]), messages[-1])
    if error and page.at + 2 > len(data):  # many writers put the directory last, so that a truncated file loses it
        detail = f"the directory should be at byte {page.at}, the file has {len(data)}"
        raise DecodeError(RejectReason.TRUNCATED, detail)
    complete = all(stop <= len(data) for _, stop in page.strips_or_tiles())
    if error and complete and (kind := partly_supported_kind(page)):
        raise DecodeError(RejectReason.UNSUPPORTED, kind) from error
    if error:
        raise error
    raster.suspect = jpeg_strip_fault(page, data, max_pixels) or _suspicion(image, data, raster)
    return raster


def _reason_of(message: str) -> RejectReason:
    if "not configured" in message or "not supported" in message:
        return RejectReason.UNSUPPORTED
    return RejectReason.TRUNCATED if "Read error" in message else RejectReason.DAMAGED


def _suspicion(image: ImageFile.ImageFile, data: bytes, raster: Raster) -> str:
    """Return a fault of the directories, pixels that look lost, or a later page that does not decode; or ""."""
    faults, strips = check_directories(data)
    if faults:
        return faults[0]
    if strips:
        lost = lost_rows(data, min(start for start, _ in strips), max(stop for _, stop in strips), raster.height)
        if lost:
            return lost
    return _verify_pages(image)


def _verify_pages(image: ImageFile.ImageFile) -> str:
    pages, remaining = _page_count(image), VERIFIED_PIXELS
    if not pages:
        return "a later page has no valid directory"
    for page in range(1, pages):
        with capture_libtiff_messages() as messages:
            try:
                image.seek(page)
                remaining -= image.width * image.height
                if remaining < 0:
                    return ""
                image.load()
            except Exception as error:
                if isinstance(error, KeyError) and error.args[0] in UNSUPPORTED_COMPRESSIONS:
                    continue
                rejection = decode_error(error)
                if rejection.reason in (RejectReason.DAMAGED, RejectReason.TRUNCATED):
                    messages.append(rejection.detail)
        if messages and _reason_of(messages[-1]) is not RejectReason.UNSUPPORTED:
            return f"page {page + 1} of {pages}: {messages[-1]}"
    return ""


def _page_count(image: ImageFile.ImageFile) -> int:
    """Return the number of pages; 0 if Pillow cannot count them because a later one is invalid."""
    try:
        return getattr(image, "n_frames", 1)
    except (TypeError, SyntaxError, ValueError, OSError, LookupError):
        return 0


def _decode(image: ImageFile.ImageFile, data: bytes, max_pixels: int) -> Raster:
    pages = _page_count(image)
    image.seek(0)
    raster = load_raster(image, max_pixels, pages=True)
    if pages != 1:
        raster.image = image.copy()  # later pages are verified in the same object
    raster.orientation = 1  # Pillow applies the orientation of a TIFF itself
    raster.exif = data if data[2:4] in (b"*\0", b"\0*") else b""
    raster.note = f"first of {pages} pages" if pages > 1 else ""
    return raster

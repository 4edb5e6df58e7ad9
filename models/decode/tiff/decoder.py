"""TIFF and BigTIFF: page one in full, the others as proof.

Camera raw in a TIFF's clothes is told apart: its page one is a thumbnail.

JPEG inside a TIFF (TIFF technical note 2): libtiff keeps libjpeg's warnings to itself, so every strip is walked.
"""

from PIL import ImageFile

from models.decode.decoder_errors import fault
from models.decode.jpeg.checks import IMPOSSIBLE, ODD
from models.decode.jpeg.entropy import Fault, walk_jpeg
from models.decode.pillow_plugins import PROVE, load_plain, open_plain
from models.decode.raster import Raster
from models.decode.reason import Reason, Unfit
from models.decode.stderr_capture import overhear
from models.decode.tiff.directory import COMPRESSION, Directory, check_directories, first_directory
from models.decode.tiff.kind import FOREIGN, JPEG, foreign, half_known
from models.decode.tiff.pixels import as_meant, reading
from models.decode.zero_runs import lost_rows
from models.recipe import Recipe

TABLES = 347  # shared by all strips: a JPEG of its own, without a picture
START, END = b"\xff\xd8", b"\xff\xd9"


def check_strips(page: Directory, data: bytes, max_pixels: int) -> str:
    """What is odd of the first strip or tile that is, or "". Raises Unfit(DAMAGED) for what no decoder can read.

    Measured on 12 sound files of eight writers: none shows any fault.
    """
    if page.only(COMPRESSION) != JPEG:
        return ""
    tables = page.bytes(TABLES).removesuffix(END) or START
    suspect = ""
    for number, (start, stop) in enumerate(page.pieces()):
        strip = data[start:stop]
        walk = walk_jpeg(tables + strip[2:], max_pixels) if strip.startswith(START) else None
        if walk is None:
            continue
        # One that stops early may be the last one, written as high as the others.
        if walk.fault in IMPOSSIBLE and walk.fault is not Fault.SHORT:
            raise Unfit(Reason.DAMAGED, f"strip {number}: {IMPOSSIBLE[walk.fault]}")
        words = (IMPOSSIBLE | ODD).get(walk.fault, "")
        suspect = suspect or (f"strip {number}: {words}" if words else "")
    return suspect


def decode_tiff(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Raises Unfit(UNSUPPORTED) for camera raw, otherwise Unfit with libtiff's words or what Pillow raises.

    libtiff reports a bad code word in a fax strip and goes on: its words count as a fault, as libjpeg's warnings do.
    """
    if data.startswith(b"MM\0+"):
        raise Unfit(Reason.UNSUPPORTED, "BigTIFF in big-endian order")  # Pillow reads the magic of one order only
    page = first_directory(data)
    if words := foreign(page):
        raise Unfit(Reason.UNSUPPORTED, words)
    error: Exception | None = None
    with overhear() as lines, reading(page):
        try:
            image = open_plain("TiffImagePlugin", "TiffImageFile", data)
            raster = _decode(image, data, max_pixels)
            raster.image = as_meant(raster.image, page)
        except Exception as raised:
            error = raised
    if lines and not isinstance(error, Unfit):
        error = Unfit(_judge(lines[-1]), lines[-1])
    if error and page.at + 2 > len(data):  # many writers put it last, so that a cut file loses it first
        raise Unfit(Reason.TRUNCATED, f"the directory should be at byte {page.at}, the file has {len(data)}")
    whole = all(stop <= len(data) for _, stop in page.pieces())
    if error and whole and (words := half_known(page)):
        raise Unfit(Reason.UNSUPPORTED, words) from error
    if error:
        raise error
    raster.suspect = check_strips(page, data, max_pixels) or _suspect(image, data, raster)
    return raster


def _judge(words: str) -> Reason:
    if "not configured" in words or "not supported" in words:
        return Reason.UNSUPPORTED
    return Reason.TRUNCATED if "Read error" in words else Reason.DAMAGED


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
    pages, left = _pages(image), PROVE
    if not pages:
        return "a later page is not described"
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
                if isinstance(error, KeyError) and error.args[0] in FOREIGN:  # a compression that Pillow lacks
                    continue
                if unfit.reason in (Reason.DAMAGED, Reason.TRUNCATED):
                    words.append(unfit.detail)
        if words and _judge(words[-1]) is not Reason.UNSUPPORTED:
            return f"page {page + 1} of {pages}: {words[-1]}"
    return ""


def _pages(image: ImageFile.ImageFile) -> int:
    """0 where Pillow cannot count them, because one that follows is none."""
    try:
        return getattr(image, "n_frames", 1)
    except (TypeError, SyntaxError, ValueError, OSError, LookupError):
        return 0


def _decode(image: ImageFile.ImageFile, data: bytes, max_pixels: int) -> Raster:
    pages = _pages(image)
    image.seek(0)
    raster = load_plain(image, max_pixels, pages=True)
    if pages != 1:
        raster.image = image.copy()  # the later ones are proved in the same object
    raster.orientation = 1  # Pillow turns a TIFF upright by itself
    raster.exif = data if data[2:4] in (b"*\0", b"\0*") else b""
    raster.note = f"first of {pages} pages" if pages > 1 else ""
    return raster

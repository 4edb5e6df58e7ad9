"""BMP: almost no redundancy, so that the sizes in the header and the palette are all that can be checked."""

from collections import Counter

from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.raster import Raster
from models.decode.reason import length_mismatch
from models.decode.zero_runs import lost_rows
from models.recipe import Recipe

UNCOMPRESSED = (0, 3, 6)  # compressions that store raw pixels: RGB, bit fields with and without alpha
RLE, MAX_RLE_PADDING = (1, 2), 8  # RLE of 8 and 4 bits; bytes of padding after its end


def decode_bmp(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Decode the image; it is suspect if it contradicts its header. Raises what Pillow raises."""
    raster = load_raster(open_with_plugin("BmpImagePlugin", "BmpImageFile", data), max_pixels)
    raster.suspect = (
        _length_mismatch(data)
        or _palette_overflow(data, raster)
        or _rle_fault(data, raster.width, raster.height)
        or _lost_rows(data, raster)
    )
    return raster


def _number(data: bytes, at: int, size: int = 4) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _length_mismatch(data: bytes) -> str:
    """Compare the length in the header with the file's, unless it is 0 or too small: many writers count only pixels."""
    stated = _number(data, 2)
    return "" if stated <= _number(data, 10) else length_mismatch(len(data) - stated)


def _palette_overflow(data: bytes, raster: Raster) -> str:
    """Find a pixel without a colour."""
    bits, colours = _number(data, 28, 2), _number(data, 46) if _number(data, 14) >= 40 else 0
    if bits > 8 or not 0 < colours < 2**bits or raster.image.mode != "P":
        return ""
    _, last = raster.image.getextrema()
    return f"colour {last} in a palette of {colours}" if isinstance(last, int) and last >= colours else ""


def _rle_fault(data: bytes, width: int, height: int) -> str:
    """Check that run-length coding (8 or 4 bits) ends in its end marker after the last row, and its rows' lengths.

    An encoder that leaves rows short, for transparency, does so throughout; a few different rows have lost a run.
    """
    kind = _number(data, 30)
    if _number(data, 14) < 40 or kind not in RLE:
        return ""
    at, row, column, stop = _number(data, 10), 0, 0, len(data) - 1
    lengths: list[int] = []
    while at < stop and row <= height:
        count, code = data[at], data[at + 1]
        at += 2
        if count:
            column += count
        elif code == 0:
            lengths.append(column)
            row, column = row + 1, 0
        elif code == 1:
            return _row_length_fault(row, width, height, stop - at, [*lengths, column])
        elif code == 2:
            column, row = column + data[at], row + (data[at + 1] if at < stop else 0)
            at += 2
        else:
            length = code if kind == 1 else (code + 1) // 2
            column += code
            at += length + length % 2
    return "no end marker after the last row"


def _row_length_fault(row: int, width: int, height: int, remaining: int, lengths: list[int]) -> str:
    # Some writers pad rows to a multiple of four.
    long = next((number for number, length in enumerate(lengths) if length > -(-width // 4) * 4), None)
    if long is not None:
        return f"row {height - 1 - long} of {height} has {lengths[long]} pixels, the image is {width} wide"
    lengths = lengths[:-1]  # the last row may end with the image, without an end-of-line marker
    if row < height - 1 or remaining >= MAX_RLE_PADDING:
        return f"the last row ends at {row} of {height}"
    common, times = Counter(lengths).most_common(1)[0] if lengths else (0, 0)
    odd = next((number for number, length in enumerate(lengths) if length != common), None)
    if odd is None or times * 10 < len(lengths) * 9:
        return ""
    return f"row {height - 1 - odd} of {height} has {lengths[odd]} pixels, the others {common}"


def _lost_rows(data: bytes, raster: Raster) -> str:
    if _number(data, 14) < 40 or _number(data, 30) not in UNCOMPRESSED:
        return ""
    stride = (raster.width * _number(data, 28, 2) + 31) // 32 * 4
    start = _number(data, 10)
    top_down = data[25] & 0x80  # a negative height
    return lost_rows(data, start, start + stride * raster.height, raster.height, upwards=not top_down)

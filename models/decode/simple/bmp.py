"""BMP: nearly no redundancy, so that what there is counts: the sizes that the header states, and the palette's."""

from collections import Counter

from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.raster import Raster
from models.decode.zero_runs import lost_rows
from models.recipe import Recipe

UNCOMPRESSED = (0, 3, 6)  # compressions that store pixels as they are: RGB, bit fields with and without alpha
RLE, MAX_RLE_PADDING = (1, 2), 8  # RLE of 8 and 4 bits; bytes of padding behind its end


def decode_bmp(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Raises what Pillow raises. Suspect where the header states another length than the file has."""
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
    """Many writers leave the field empty or count only pixels; one that names more than its headers is believed."""
    stated = _number(data, 2)
    if stated <= _number(data, 10) or stated == len(data):
        return ""
    word = "less" if stated > len(data) else "more"
    return f"{abs(len(data) - stated)} bytes {word} than its header says"


def _palette_overflow(data: bytes, raster: Raster) -> str:
    """A pixel without a colour. Without compression a row may end in padding, which is not looked at."""
    bits, colours = _number(data, 28, 2), _number(data, 46) if _number(data, 14) >= 40 else 0
    if bits > 8 or not 0 < colours < 2**bits or raster.image.mode != "P":
        return ""
    _, last = raster.image.getextrema()
    return f"colour {last} in a palette of {colours}" if isinstance(last, int) and last >= colours else ""


def _rle_fault(data: bytes, width: int, height: int) -> str:
    """Run-length coding (of 8 or 4 bits) ends in a mark of its own, after as many rows as there are.

    A coder that leaves rows short, for transparency, does so all over; a few odd ones among equal rows have lost a run.
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
    return "no end mark behind the last row"


def _row_length_fault(row: int, width: int, height: int, left: int, lengths: list[int]) -> str:
    wide = next((number for number, length in enumerate(lengths) if length > -(-width // 4) * 4), None)
    if wide is not None:  # up to a multiple of four there are writers that fill rows up
        return f"row {height - 1 - wide} of {height} has {lengths[wide]} pixels, the picture is {width} wide"
    lengths = lengths[:-1]  # the last one may end with the picture, without a mark of its own
    if row < height - 1 or left >= MAX_RLE_PADDING:
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
    downwards = data[25] & 0x80  # a negative height
    return lost_rows(data, start, start + stride * raster.height, raster.height, upwards=not downwards)

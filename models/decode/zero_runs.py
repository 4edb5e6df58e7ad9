"""Zeros where compressed data should be: how a lost sector or a never finished download looks to lenient decoders.

Measured: libde265, dav1d and libwebp show a picture, and say nothing, for every 4 KiB zeroed in the middle.
"""

from collections.abc import Iterable, Iterator

from models.decode.reason import DecodeError, RejectReason

ZERO_RUN_BYTES = 2048  # bytes
SECTOR_BYTES = 4096
MAX_LOST_BYTES = 4 * SECTOR_BYTES
ZERO_TAIL_BYTES = 512  # bytes


def check_zero_runs(
    data: bytes, start: int, stop: int, metadata: Iterable[bytes] = (), least: int = ZERO_RUN_BYTES
) -> None:
    """Raises Unfit(DAMAGED) for `least` zero bytes in data[start:stop], unless they lie in a block of `metadata`.

    For HEVC, which forbids three zero bytes in a row, AV1, whose arithmetic coder makes none even of flat colour, and
    JPEG 2000, which makes one for every packet of nothing.
    """
    spans = [(place, place + len(block)) for block in metadata if block and (place := data.find(block)) >= 0]
    for begin, end in _zero_runs(data, start, stop, bytes(least)):
        if not any(first <= begin < last for first, last in spans):
            raise _zero_run_error(begin, end)


def check_zero_sectors(data: bytes, start: int, stop: int) -> None:
    """Raises Unfit(DAMAGED) for zeros that fill whole sectors of the file, from edge to edge or to the end.

    For WebP and JPEG 2000, whose coders do write long zeros for flat colour, but not between two multiples of 4096.
    """
    for begin, end in _zero_sectors(data, start, stop):
        raise _zero_run_error(begin, end)


def lost_rows(
    data: bytes, start: int, stop: int, height: int, *, upwards: bool = False, planes: int = 1, paper: bool = False
) -> str:
    """Words for zeros among uncompressed pixels, of which `height` rows fill data[start:stop]; "" where none look lost.

    Black is a colour, so that this makes a file suspect and no more. Lost look whole sectors of the file, and an end of
    zeros that begins in the middle of a row under pixels that are not black. `upwards`: the last row is stored first.
    `planes`: how many times there are `height` rows, one channel behind the other. `paper`: zeros are white, and what
    is white below the last line of a page is no sign of loss.
    """
    stop = min(stop, len(data))
    row = (stop - start) // (height * planes) if height > 0 and planes > 0 else 0
    if row <= 0:
        return ""
    tail = [] if paper else _zero_tail(data, start, stop, row, row * height)
    for begin, end in [*_zero_sectors(data, start, stop), *tail]:
        if _is_black_bar(begin - start, end - start, row, height):
            continue
        plane, first = divmod((begin - start) // row, height)
        last = min((end - 1 - start) // row - plane * height, height - 1)
        if upwards:
            first, last = height - 1 - last, height - 1 - first
        return f"{end - begin} zero bytes from row {first} of {height}"
    return ""


def _is_black_bar(begin: int, end: int, row: int, height: int) -> bool:
    """Whole rows: textures are as wide as a power of two, so that their rows and the sectors of a file may coincide.

    Many of them, or some at an edge, are then a black bar or an empty part sooner than a loss.
    """
    if -begin % row > 1 or end % row > 1:
        return False
    first, after = (begin + 1) // row, end // row
    return end - begin > MAX_LOST_BYTES or first % height == 0 or first // height < after // height


def _zero_tail(data: bytes, start: int, stop: int, row: int, plane: int) -> Iterator[tuple[int, int]]:
    begin = start + len(data[start:stop].rstrip(b"\0"))
    column = (begin - start) % row
    above = data[begin - row : begin - column]
    other = data[begin - plane : stop - plane] if begin - start >= plane else b""  # the same pixels in the plane before
    if (
        stop - begin >= ZERO_TAIL_BYTES
        and begin - start >= row
        and column
        and len(above) >= 16
        and above.count(0) * 10 <= len(above)
        and other.count(0) * 2 <= len(other)
    ):
        yield begin, stop


def _zero_sectors(data: bytes, start: int, stop: int) -> Iterator[tuple[int, int]]:
    for begin, end in _zero_runs(data, start, stop, bytes(SECTOR_BYTES - 2)):
        # By chance the last byte before the sector, or the first one after it, is a zero of its own.
        if -begin % SECTOR_BYTES <= 1 and (end % SECTOR_BYTES <= 1 or end == stop):
            yield begin, end


def _zero_runs(data: bytes, start: int, stop: int, least: bytes) -> Iterator[tuple[int, int]]:
    begin = data.find(least, start, stop)
    while begin >= 0:
        rest = data[begin:stop]
        end = begin + len(rest) - len(rest.lstrip(b"\0"))
        yield begin, end
        begin = data.find(least, end, stop)


def _zero_run_error(begin: int, end: int) -> DecodeError:
    return DecodeError(
        RejectReason.DAMAGED, f"{end - begin} zero bytes inside the compressed picture, from byte {begin}"
    )

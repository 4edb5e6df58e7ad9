"""Zeros in place of image data: the trace of a lost sector or an unfinished download.

Measured: libde265, dav1d and libwebp decode files with 4 KiB zeroed in the middle, and never report an error.
"""

from collections.abc import Iterable, Iterator

from models.decode.reason import DecodeError, RejectReason

ZERO_RUN_BYTES = 2048
SECTOR_BYTES = 4096
MAX_LOST_BYTES = 4 * SECTOR_BYTES
ZERO_TAIL_BYTES = 512


def check_zero_runs(
    data: bytes, start: int, stop: int, metadata: Iterable[bytes] = (), min_run: int = ZERO_RUN_BYTES
) -> None:
    """Raise DecodeError(DAMAGED) for `min_run` zero bytes in data[start:stop] outside the blocks of `metadata`.

    For HEVC, which forbids three zero bytes in a row; for AV1, whose arithmetic coder writes none even for flat colour;
    and for JPEG 2000, which writes one for each empty packet.
    """
    spans = [(at, at + len(block)) for block in metadata if block and (at := data.find(block)) >= 0]
    for begin, end in _zero_runs(data, start, stop, bytes(min_run)):
        if not any(first <= begin < last for first, last in spans):
            raise _zero_run_error(begin, end)


def check_zero_sectors(data: bytes, start: int, stop: int) -> None:
    """Raise DecodeError(DAMAGED) for zeros that fill whole sectors of the file, from edge to edge or to the end.

    For WebP and JPEG 2000, whose coders write long runs of zeros for flat colour, but not between multiples of 4096.
    """
    for begin, end in _zero_sectors(data, start, stop):
        raise _zero_run_error(begin, end)


def lost_rows(
    data: bytes, start: int, stop: int, height: int, *, upwards: bool = False, planes: int = 1, paper: bool = False
) -> str:
    """Return the suspicion that zeros replaced uncompressed pixels in data[start:stop], `height` rows; or "".

    It is only a suspicion, because black is a colour. Two patterns look like a loss: zeros in whole sectors of the
    file, and zeros up to the end that start in the middle of a row below pixels that are not black. `upwards`: the last
    row is stored first. `planes`: channels, each stored as `height` rows after the previous one. `paper`: zeros are
    white, so that zeros up to the end may be the empty part of a page.
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
    """Whether the zeros are whole rows, and many or at an edge: more likely a black bar than a loss.

    The width of textures is a power of two, so that their rows can coincide with sectors of the file.
    """
    if -begin % row > 1 or end % row > 1:
        return False
    first, after = (begin + 1) // row, end // row
    return end - begin > MAX_LOST_BYTES or first % height == 0 or first // height < after // height


def _zero_tail(data: bytes, start: int, stop: int, row: int, plane: int) -> Iterator[tuple[int, int]]:
    begin = start + len(data[start:stop].rstrip(b"\0"))
    column = (begin - start) % row
    above = data[begin - row : begin - column]
    # The same pixels in the previous plane.
    other = data[begin - plane : stop - plane] if begin - start >= plane else b""
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
        # The last byte before the sector, or the first one after it, may be zero by chance.
        if -begin % SECTOR_BYTES <= 1 and (end % SECTOR_BYTES <= 1 or end == stop):
            yield begin, end


def _zero_runs(data: bytes, start: int, stop: int, zeros: bytes) -> Iterator[tuple[int, int]]:
    begin = data.find(zeros, start, stop)
    while begin >= 0:
        rest = data[begin:stop]
        end = begin + len(rest) - len(rest.lstrip(b"\0"))
        yield begin, end
        begin = data.find(zeros, end, stop)


def _zero_run_error(begin: int, end: int) -> DecodeError:
    return DecodeError(
        RejectReason.DAMAGED, f"{end - begin} zero bytes in the compressed image data, from byte {begin}"
    )

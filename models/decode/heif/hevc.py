"""HEVC inside HEIF (ISO/IEC 14496-15, 23008-2): the units tile their item exactly, and libde265 follows every bit.

libheif decodes what it can and shows grey for the rest, and libde265 conceals what it cannot follow; but it takes note.
Its arithmetic decoder has no checksum, and yet one flipped bit leads it astray: then a substream does not end where it
should. Measured on photographs of two telephones: seven of ten flipped bits, all of sixteen. No other tool sees any.
"""

import ctypes
from collections.abc import Iterator
from functools import cache
from typing import Any

from models.decode.heif.items import HeifItem
from models.decode.reason import DecodeError, RejectReason

MAX_DECODER_CALLS = 100  # calls into the decoder for one still; a sound one takes a handful
# de265_error that are no fault of the bytes: memory, threads, start, stall; no WPP, too many notes, fewer threads,
# memory.
LIBRARY_ERRORS = frozenset({7, 10, 11, 12, 13, 1000, 1001, 1022, 1024})
UNSUPPORTED_ERRORS = range(500, 600)  # features that libde265 does not have


def nal_units(number: int, item: HeifItem, data: bytes) -> list[bytes]:
    """The NAL units of an hvc1 item, parameter sets first. Raises Unfit(DAMAGED) where they do not tile it."""
    if len(item.config) < 23:
        raise DecodeError(RejectReason.DAMAGED, f"item {number} has no decoder configuration")
    units, body, at, width = list(_parameter_sets(item.config)), item.data(data), 0, (item.config[21] & 3) + 1
    while at < len(body):
        size = int.from_bytes(body[at : at + width], "big")
        at += width
        if size < 2 or at + size > len(body) or body[at] & 0x80:
            raise DecodeError(RejectReason.DAMAGED, f"no unit of the picture at byte {at - width} of item {number}")
        units.append(body[at : at + size])
        at += size
    return units


def _parameter_sets(config: bytes) -> Iterator[bytes]:
    at = 23
    for _ in range(config[22]):
        count = int.from_bytes(config[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            size = int.from_bytes(config[at : at + 2], "big")
            yield config[at + 2 : at + 2 + size]
            at += 2 + size


@cache
def _libde265() -> Any:
    """The very library that pillow_heif has loaded, or None where it came without."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        places = (line.split(maxsplit=5)[-1].strip() for line in maps if "libde265" in line)
        place = next(places, None)
    if place is None:
        return None
    library, pointer = ctypes.CDLL(place), ctypes.c_void_p
    library.de265_new_decoder.restype = library.de265_get_next_picture.restype = pointer
    library.de265_get_error_text.restype = ctypes.c_char_p
    for name in ("free_decoder", "flush_data", "get_next_picture", "get_warning", "reset"):
        getattr(library, f"de265_{name}").argtypes = [pointer]
    library.de265_push_NAL.argtypes = [pointer, ctypes.c_char_p, ctypes.c_int, ctypes.c_int64, pointer]
    library.de265_decode.argtypes = [pointer, pointer]
    return library


def decoder_warning(pictures: dict[int, list[bytes]]) -> str:
    """What the decoder notes over these pictures (units by item), the first one's words; "" for nothing.

    About 15 ms a megapixel. Everything is "" where the library is not to be had.
    """
    if _libde265() is None:
        return ""
    return next((f"item {number}: {words}" for number, units in pictures.items() if (words := _warning(units))), "")


def _warning(units: list[bytes]) -> str:
    library = _libde265()
    decoder = library.de265_new_decoder()
    try:
        for unit in units:
            library.de265_push_NAL(decoder, unit, len(unit), 0, None)
        library.de265_flush_data(decoder)
        return _decode(library, decoder)
    finally:
        library.de265_free_decoder(decoder)


def _decode(library: Any, decoder: int) -> str:
    more, shown = ctypes.c_int(1), False
    for _ in range(MAX_DECODER_CALLS):
        error = library.de265_decode(decoder, ctypes.byref(more))
        shown = bool(library.de265_get_next_picture(decoder)) or shown
        if error or not more.value:
            break
    if error in UNSUPPORTED_ERRORS:
        return ""
    notes = [code for _ in range(MAX_DECODER_CALLS) if (code := library.de265_get_warning(decoder))]
    telling = [code for code in (error, *notes) if code and code not in LIBRARY_ERRORS]
    if telling:
        return str(library.de265_get_error_text(telling[0]).decode("ascii", "replace"))
    return "" if shown else "no picture"

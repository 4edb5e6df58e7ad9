"""Turns any decoder's complaint into one reason of ours, keeping its words."""

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from models.decode.reason import DecodeError, RejectReason

ZERO_TAIL_BYTES = 512  # bytes: one disk sector; shorter runs of zeros end many a sound file
# libjpeg says "premature end of data segment" of damage in the middle, and names the file only at a real end.
TRUNCATION_PATTERN = re.compile(
    r"truncat|premature end of jpeg file|unexpected end|end of file|\beof\b|not enough data|insufficient data", re.I
)
MEMORY_PATTERN = re.compile(
    r"memory allocation|insufficient memory|out of memory|cannot allocate|unable to allocate", re.I
)
UNSUPPORTED_PATTERN = re.compile(
    r"unsupported(?! marker)|not supported|not been built in|not implemented|cannot handle|no decoder|precision"
    r"|unknown (?:pixel mode|raw mode|PCX mode|TGA map depth)",
    re.I,
)


def decode_error(error: BaseException) -> DecodeError:
    """The Unfit for any exception that a decoder raised."""
    if isinstance(error, DecodeError):
        return error
    words = _message(error)
    if isinstance(error, MemoryError) or MEMORY_PATTERN.search(words):
        return DecodeError(RejectReason.MEMORY, words)
    if type(error).__name__ == "DecompressionBombError":
        return DecodeError(RejectReason.PIXELS, words)
    if isinstance(error, EOFError) or TRUNCATION_PATTERN.search(words):
        return DecodeError(RejectReason.TRUNCATED, words)
    if isinstance(error, NotImplementedError) or UNSUPPORTED_PATTERN.search(words):
        return DecodeError(RejectReason.UNSUPPORTED, words)
    return DecodeError(RejectReason.DAMAGED, words)


def _message(error: BaseException) -> str:
    cause = error.__cause__
    if isinstance(error, SyntaxError) and cause and str(error) == str(cause):  # Pillow, of a plugin's own KeyError
        error = cause
    words = " ".join(str(error).split())
    words = re.sub(r"<_io\.BytesIO object at 0x[0-9a-f]+>", "the file", words)
    if isinstance(error, LookupError | struct.error | TypeError | ZeroDivisionError | AssertionError):
        words = f"what it says makes no sense to the decoder ({type(error).__name__} {words})"
    return words[:300].strip() or type(error).__name__


@contextmanager
def truncation_as_damage() -> Iterator[None]:
    """Around the decoder of a file whose structure was followed to its end: what it misses was not cut off."""
    try:
        yield
    except Exception as error:
        unfit = decode_error(error)
        if unfit.reason is not RejectReason.TRUNCATED:
            raise
        raise DecodeError(RejectReason.DAMAGED, unfit.detail) from error


def reclassify_zero_tail(data: bytes, unfit: DecodeError) -> DecodeError:
    """The same verdict, told apart from an honest cut where the file was allocated in full but never filled."""
    if unfit.reason not in (RejectReason.TRUNCATED, RejectReason.DAMAGED, RejectReason.CHECKSUM):
        return unfit
    zeros = len(data) - len(data.rstrip(b"\0"))
    if zeros < ZERO_TAIL_BYTES:
        return unfit
    return DecodeError(RejectReason.DAMAGED, f"the last {zeros} bytes are filled with zeros ({unfit.detail})")

"""Turns any decoder's complaint into one reason of ours, keeping its words."""

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from models.decode.reason import Reason, Unfit

ZERO_TAIL = 512  # bytes: one disk sector; shorter runs of zeros end many a sound file
# libjpeg says "premature end of data segment" of damage in the middle, and names the file only at a real end.
CUT_SHORT = re.compile(
    r"truncat|premature end of jpeg file|unexpected end|end of file|\beof\b|not enough data|insufficient data", re.I
)
NO_MEMORY = re.compile(r"memory allocation|insufficient memory|out of memory|cannot allocate|unable to allocate", re.I)
NOT_OURS = re.compile(
    r"unsupported(?! marker)|not supported|not been built in|not implemented|cannot handle|no decoder|precision"
    r"|unknown (?:pixel mode|raw mode|PCX mode|TGA map depth)",
    re.I,
)


def fault(error: BaseException) -> Unfit:
    """The Unfit for any exception that a decoder raised."""
    if isinstance(error, Unfit):
        return error
    words = _words(error)
    if isinstance(error, MemoryError) or NO_MEMORY.search(words):
        return Unfit(Reason.MEMORY, words)
    if type(error).__name__ == "DecompressionBombError":
        return Unfit(Reason.PIXELS, words)
    if isinstance(error, EOFError) or CUT_SHORT.search(words):
        return Unfit(Reason.TRUNCATED, words)
    if isinstance(error, NotImplementedError) or NOT_OURS.search(words):
        return Unfit(Reason.UNSUPPORTED, words)
    return Unfit(Reason.DAMAGED, words)


def _words(error: BaseException) -> str:
    cause = error.__cause__
    if isinstance(error, SyntaxError) and cause and str(error) == str(cause):  # Pillow, of a plugin's own KeyError
        error = cause
    words = " ".join(str(error).split())
    words = re.sub(r"<_io\.BytesIO object at 0x[0-9a-f]+>", "the file", words)
    if isinstance(error, LookupError | struct.error | TypeError | ZeroDivisionError | AssertionError):
        words = f"what it says makes no sense to the decoder ({type(error).__name__} {words})"
    return words[:300].strip() or type(error).__name__


@contextmanager
def complete() -> Iterator[None]:
    """Around the decoder of a file whose structure was followed to its end: what it misses was not cut off."""
    try:
        yield
    except Exception as error:
        unfit = fault(error)
        if unfit.reason is not Reason.TRUNCATED:
            raise
        raise Unfit(Reason.DAMAGED, unfit.detail) from error


def with_zero_tail(data: bytes, unfit: Unfit) -> Unfit:
    """The same verdict, told apart from an honest cut where the file was allocated in full but never filled."""
    if unfit.reason not in (Reason.TRUNCATED, Reason.DAMAGED, Reason.CHECKSUM):
        return unfit
    zeros = len(data) - len(data.rstrip(b"\0"))
    if zeros < ZERO_TAIL:
        return unfit
    return Unfit(Reason.DAMAGED, f"the last {zeros} bytes are filled with zeros ({unfit.detail})")

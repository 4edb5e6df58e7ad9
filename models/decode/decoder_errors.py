"""Mapping of any decoder's exception to a reject reason, with the decoder's message as detail."""

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from models.decode.reason import DecodeError, RejectReason

ZERO_TAIL_BYTES = 512  # one disk sector; many intact files end in shorter runs of zeros
# libjpeg says "premature end of data segment" for damage in the middle, and "premature end of JPEG file" for a cut.
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
    """Return the DecodeError for any exception that a decoder raised."""
    if isinstance(error, DecodeError):
        return error
    message = _message(error)
    if isinstance(error, MemoryError) or MEMORY_PATTERN.search(message):
        return DecodeError(RejectReason.MEMORY, message)
    if type(error).__name__ == "DecompressionBombError":
        return DecodeError(RejectReason.PIXELS, message)
    if isinstance(error, EOFError) or TRUNCATION_PATTERN.search(message):
        return DecodeError(RejectReason.TRUNCATED, message)
    if isinstance(error, NotImplementedError) or UNSUPPORTED_PATTERN.search(message):
        return DecodeError(RejectReason.UNSUPPORTED, message)
    return DecodeError(RejectReason.DAMAGED, message)


def _message(error: BaseException) -> str:
    cause = error.__cause__
    if isinstance(error, SyntaxError) and cause and str(error) == str(cause):  # Pillow wraps a plugin's KeyError so
        error = cause
    message = " ".join(str(error).split())
    message = re.sub(r"<_io\.BytesIO object at 0x[0-9a-f]+>", "the file", message)
    if isinstance(error, LookupError | struct.error | TypeError | ZeroDivisionError | AssertionError):
        message = f"the decoder cannot make sense of the file ({type(error).__name__} {message})"
    return message[:300].strip() or type(error).__name__


@contextmanager
def truncation_as_damage() -> Iterator[None]:
    """Report truncation as damage: for a decoder of a file whose structure is complete, so that nothing was cut off."""
    try:
        yield
    except Exception as error:
        rejection = decode_error(error)
        if rejection.reason is not RejectReason.TRUNCATED:
            raise
        raise DecodeError(RejectReason.DAMAGED, rejection.detail) from error


def reclassify_zero_tail(data: bytes, error: DecodeError) -> DecodeError:
    """Return the error as DAMAGED if the file ends in zeros: it was allocated in full but never filled, not cut."""
    if error.reason not in (RejectReason.TRUNCATED, RejectReason.DAMAGED, RejectReason.CHECKSUM):
        return error
    zeros = len(data) - len(data.rstrip(b"\0"))
    if zeros < ZERO_TAIL_BYTES:
        return error
    return DecodeError(RejectReason.DAMAGED, f"the last {zeros} bytes are filled with zeros ({error.detail})")

"""Detectors of image formats: each recognizes a format from the content alone. Imports no decoder."""

from collections.abc import Callable
from struct import unpack_from

Detector = Callable[[bytes], bool]

PCX_HEADER_BYTES, SGI_HEADER_BYTES = 128, 512
PCX_VERSIONS = (0, 2, 3, 4, 5)
ICO_MIN_BYTES = 22  # the header and the entry of one image
TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def starts_with(*signatures: bytes) -> Detector:
    """Return a detector of files that start with one of the signatures."""
    return lambda data: data.startswith(signatures)


def is_webp(data: bytes) -> bool:
    """Recognize WebP by its RIFF header."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def is_tiff(data: bytes) -> bool:
    """Recognize TIFF and BigTIFF in both byte orders, but not Canon CR2."""
    return data.startswith(TIFF_SIGNATURES) and data[8:10] != b"CR"


def is_pnm(data: bytes) -> bool:
    """Recognize binary PBM, PGM and PPM."""
    return data[:1] == b"P" and data[1:2] in b"456" and data[2:3].isspace()


def is_ico(data: bytes) -> bool:
    """Recognize ICO by its signature and the first entry of its directory."""
    if not data.startswith(b"\0\0\1\0") or len(data) < ICO_MIN_BYTES:
        return False
    return 0 < data[4] | data[5] << 8 < 256 and data[9] in (0, 255)


def is_bmp(data: bytes) -> bool:
    """Recognize BMP by its signature and a possible size of its header."""
    return data.startswith(b"BM") and 12 <= int.from_bytes(data[14:18], "little") <= 124


def is_sgi(data: bytes) -> bool:
    """Recognize SGI strictly, because its signature has two bytes only."""
    if not data.startswith(b"\x01\xda") or len(data) < SGI_HEADER_BYTES:
        return False
    return data[2] < 2 and data[3] in (1, 2) and data[4] == 0 and 0 < data[5] < 4


def is_pcx(data: bytes) -> bool:
    """Recognize PCX strictly, by the whole header, because its signature has one byte only."""
    if len(data) < PCX_HEADER_BYTES or data[0] != 10 or data[1] not in PCX_VERSIONS or data[2] > 1:
        return False
    left, top, right, bottom = unpack_from("<4H", data, 4)
    return data[3] in (1, 2, 4, 8, 24, 32) and left <= right and top <= bottom and data[64] == 0 and 0 < data[65] <= 4

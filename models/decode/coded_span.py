"""Where in a file its compressed picture lies, apart from all metadata."""

from models.decode.jpeg.header import read_header
from models.decode.reason import DecodeError

END_OF_IMAGE = b"\xff\xd9"


def coded_span(data: bytes) -> tuple[int, int] | None:
    """The bytes [start, stop) from a JPEG's first scan to its end-of-image marker. None for other formats.

    Their metadata may lie anywhere (EXIF inside of HEIF's data, TIFF's tags behind its strips). Inside of a scan the
    marker cannot occur: T.81 puts a zero after each 0xFF of coded data.
    """
    if data[:2] != b"\xff\xd8":
        return None
    try:
        start = read_header(data).scan
    except DecodeError:
        return None
    stop = data.find(END_OF_IMAGE, start)
    return (start, stop + len(END_OF_IMAGE)) if stop >= 0 else None

"""The table of formats: to add one, add one row here and two samples to its test."""

from collections.abc import Callable
from typing import NamedTuple

from models.decode.file_type import file_type, unsupported_format
from models.decode.heif.avif import decode_avif
from models.decode.heif.boxes import is_avif, is_heif
from models.decode.heif.decoder import decode_heif
from models.decode.jpeg.decoder import decode_jpeg
from models.decode.jpeg2000.decoder import decode_jpeg2000
from models.decode.pillow_plugins import Decoder
from models.decode.png import PNG_SIGNATURE, decode_png
from models.decode.psd import decode_psd
from models.decode.reason import DecodeError, RejectReason
from models.decode.simple.bmp import decode_bmp
from models.decode.simple.gif import decode_gif
from models.decode.simple.icon import decode_icns, decode_ico
from models.decode.simple.pcx import decode_pcx, is_pcx
from models.decode.simple.pnm import decode_pnm
from models.decode.simple.sgi import decode_sgi, is_sgi
from models.decode.simple.tga import decode_tga, is_tga
from models.decode.simple.webp import decode_webp
from models.decode.tiff.decoder import decode_tiff

Sniff = Callable[[bytes], bool]


class Format(NamedTuple):
    """`name` as stored in the catalog, `sniff` by content alone, `extensions` in lower case without a dot."""

    name: str
    sniff: Sniff
    extensions: tuple[str, ...]
    decode: Decoder


def starts_with(*magics: bytes) -> Sniff:
    """Recognises any of these first bytes."""
    return lambda data: data.startswith(magics)


def _is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def _is_tiff(data: bytes) -> bool:
    return data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")) and data[8:10] != b"CR"


def _is_pnm(data: bytes) -> bool:
    return data[:1] == b"P" and data[1:2] in b"456" and data[2:3].isspace()


def _is_ico(data: bytes) -> bool:
    if not data.startswith(b"\0\0\1\0") or len(data) < 22:  # its header and the row of one picture
        return False
    return 0 < data[4] | data[5] << 8 < 256 and data[9] in (0, 255)


def _is_bmp(data: bytes) -> bool:
    return data.startswith(b"BM") and 12 <= int.from_bytes(data[14:18], "little") <= 124  # the header's own size


# QOI, DDS and PNM in decimal digits are left out: Pillow reads them in Python, at a second a megapixel (measured).
FORMATS = (
    Format("jpeg", starts_with(b"\xff\xd8"), ("jpg", "jpeg", "jpe", "jfif", "mpo"), decode_jpeg),
    Format("png", starts_with(PNG_SIGNATURE), ("png", "apng"), decode_png),
    Format("webp", _is_webp, ("webp",), decode_webp),
    Format("gif", starts_with(b"GIF87a", b"GIF89a"), ("gif",), decode_gif),
    Format("heif", is_heif, ("heic", "heif", "hif"), decode_heif),
    Format("avif", is_avif, ("avif",), decode_avif),
    Format("tiff", _is_tiff, ("tif", "tiff"), decode_tiff),
    Format("bmp", _is_bmp, ("bmp", "dib"), decode_bmp),
    Format(
        "jpeg2000",
        starts_with(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
        ("jp2", "j2k", "jpf", "jpx"),
        decode_jpeg2000,
    ),
    Format("psd", starts_with(b"8BPS\0\1"), ("psd",), decode_psd),
    Format("pnm", _is_pnm, ("ppm", "pgm", "pbm", "pnm"), decode_pnm),
    Format("sgi", is_sgi, ("sgi",), decode_sgi),
    Format("pcx", is_pcx, ("pcx",), decode_pcx),
    Format("ico", _is_ico, ("ico",), decode_ico),
    Format("icns", starts_with(b"icns"), ("icns",), decode_icns),
    Format("tga", is_tga, ("tga",), decode_tga),
)
EXTENSIONS = frozenset(extension for row in FORMATS for extension in row.extensions)


def identify_format(data: bytes) -> Format:
    """The row of these bytes. Raises Unfit with EMPTY, DAMAGED (only zeros), UNSUPPORTED or NOT_IMAGE."""
    if not data:
        raise DecodeError(RejectReason.EMPTY)
    for row in FORMATS:
        if row.sniff(data):
            return row
    if not any(data[:64]) and data.count(0) == len(data):
        raise DecodeError(RejectReason.DAMAGED, f"filled with zeros, {len(data)} bytes")
    if picture := unsupported_format(data):
        raise DecodeError(RejectReason.UNSUPPORTED, picture)
    raise DecodeError(RejectReason.NOT_IMAGE, file_type(data))

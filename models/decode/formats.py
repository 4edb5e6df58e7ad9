"""The table of image formats: to add a format, add one row here and two samples to tests/support/image_samples.py."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from models.decode.detectors import (
    Detector,
    is_bmp,
    is_ico,
    is_pcx,
    is_pnm,
    is_sgi,
    is_tiff,
    is_webp,
    starts_with,
)
from models.decode.file_type import file_type, unsupported_format
from models.decode.heif.boxes import is_avif, is_heif
from models.decode.reason import DecodeError, RejectReason
from models.decode.simple.tga_layout import is_tga

if TYPE_CHECKING:
    from models.decode.raster import Raster
    from models.recipe import Recipe

    Decoder = Callable[[bytes, Recipe, int], Raster]


class Format(NamedTuple):
    """One row of the table.

    `name`: as stored in the catalog. `extensions`: lower case, without the dot. `detect`: recognizes the format from
    the content alone. `decoder`: "module:function" within models.decode, a string because commands that need only
    names must not import decoders.
    """

    name: str
    extensions: tuple[str, ...]
    detect: Detector
    decoder: str

    def load_decoder(self) -> "Decoder":
        """Import the decoder and return it."""
        module, _, function = self.decoder.partition(":")
        decoder: Decoder = getattr(import_module(f"models.decode.{module}"), function)
        return decoder


# QOI, DDS and PNM in decimal digits are left out: Pillow reads them in Python, at one second per megapixel (measured).
FORMATS = (
    Format("jpeg", ("jpg", "jpeg", "jpe", "jfif", "mpo"), starts_with(b"\xff\xd8"), "jpeg.decoder:decode_jpeg"),
    Format("png", ("png", "apng"), starts_with(b"\x89PNG\r\n\x1a\n"), "png:decode_png"),
    Format("webp", ("webp",), is_webp, "simple.webp:decode_webp"),
    Format("gif", ("gif",), starts_with(b"GIF87a", b"GIF89a"), "simple.gif:decode_gif"),
    Format("heif", ("heic", "heif", "hif"), is_heif, "heif.decoder:decode_heif"),
    Format("avif", ("avif",), is_avif, "heif.avif:decode_avif"),
    Format("tiff", ("tif", "tiff"), is_tiff, "tiff.decoder:decode_tiff"),
    Format("bmp", ("bmp", "dib"), is_bmp, "simple.bmp:decode_bmp"),
    Format(
        "jpeg2000",
        ("jp2", "j2k", "jpf", "jpx"),
        starts_with(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
        "jpeg2000.decoder:decode_jpeg2000",
    ),
    Format("psd", ("psd",), starts_with(b"8BPS\0\1"), "psd:decode_psd"),
    Format("pnm", ("ppm", "pgm", "pbm", "pnm"), is_pnm, "simple.pnm:decode_pnm"),
    Format("sgi", ("sgi",), is_sgi, "simple.sgi:decode_sgi"),
    Format("pcx", ("pcx",), is_pcx, "simple.pcx:decode_pcx"),
    Format("ico", ("ico",), is_ico, "simple.icon:decode_ico"),
    Format("icns", ("icns",), starts_with(b"icns"), "simple.icon:decode_icns"),
    Format("tga", ("tga",), is_tga, "simple.tga:decode_tga"),
)
FORMAT_BY_EXTENSION = {extension: row.name for row in FORMATS for extension in row.extensions}


def identify_format(data: bytes) -> Format:
    """Return the row of the format that the bytes are in.

    Raises DecodeError with EMPTY, DAMAGED (nothing but zeros), UNSUPPORTED or NOT_IMAGE.
    """
    if not data:
        raise DecodeError(RejectReason.EMPTY)
    for row in FORMATS:
        if row.detect(data):
            return row
    if not any(data[:64]) and data.count(0) == len(data):
        raise DecodeError(RejectReason.DAMAGED, f"filled with zeros, {len(data)} bytes")
    if name := unsupported_format(data):
        raise DecodeError(RejectReason.UNSUPPORTED, name)
    raise DecodeError(RejectReason.NOT_IMAGE, file_type(data))

"""Kinds of TIFF that are not decoded, by the first directory: camera raw and unsupported compressions.

The directory is not read through Pillow, which refuses some of these files before it gives access to the tags.
"""

from models.decode.tiff.directory import COMPRESSION, PLANAR, TILE_WIDTH, TILES, TiffDirectory

SUBFILE, BITS_PER_SAMPLE, PHOTOMETRIC, SUB_IFDS, DNG_VERSION = 254, 258, 262, 330, 50706
RAW_COMPRESSION = frozenset({32767, 32769, 32770, 34713, 65000, 65535})  # Sony, Epson, Samsung, Nikon, Kodak, Pentax
RAW_PHOTOMETRIC = frozenset({32803, 34892})  # colour filter array, linear raw
UNCOMPRESSED, OLD_JPEG, JPEG, THUNDERSCAN = 1, 6, 7, 32809
YCBCR, SEPARATE = 6, 2
UNSUPPORTED_COMPRESSIONS = {
    9: "JBIG",
    10: "JBIG",
    32766: "NeXT compression",
    32895: "a TIFF/IT coding",
    32896: "a TIFF/IT coding",
    32897: "a TIFF/IT coding",
    32898: "a TIFF/IT coding",
    33003: "JPEG 2000",
    33005: "JPEG 2000",
    34661: "JBIG",
    34712: "JPEG 2000",
    34715: "JBIG2",
    34887: "LERC",
    34892: "lossy DNG compression",
    50002: "JPEG XL",
    50013: "Pixar's compression",
    52546: "JPEG XL",
}


def unsupported_kind(page: TiffDirectory) -> str:
    """Return the kind of file if it cannot be decoded here; else ""."""
    compression, photometric, subfile = (page.first_number(tag) for tag in (COMPRESSION, PHOTOMETRIC, SUBFILE))
    if DNG_VERSION in page.entries or compression in RAW_COMPRESSION or photometric in RAW_PHOTOMETRIC:
        return "camera raw"
    if SUB_IFDS in page.entries and subfile & 1:  # a reduced copy, with the full-size image in a nested directory
        return "camera raw"
    return f"TIFF with {UNSUPPORTED_COMPRESSIONS[compression]}" if compression in UNSUPPORTED_COMPRESSIONS else ""


def partly_supported_kind(page: TiffDirectory) -> str:
    """Return the kind of file if it is only partly supported, so that an error does not prove damage; else ""."""
    compression = page.first_number(COMPRESSION)
    if compression == OLD_JPEG:
        return "TIFF with old-style JPEG"
    if compression == JPEG and any(bits != 8 for bits in page.numbers(BITS_PER_SAMPLE)):
        return "TIFF with JPEG of more than 8 bits per channel"
    if compression == THUNDERSCAN:
        return "TIFF with ThunderScan compression"
    if page.first_number(PHOTOMETRIC) == YCBCR and page.first_number(PLANAR) == SEPARATE:
        return "TIFF with separate YCbCr planes"
    if page.first_number(PHOTOMETRIC) == YCBCR and compression in (0, UNCOMPRESSED):
        return "TIFF with uncompressed YCbCr"
    if TILE_WIDTH in page.entries and TILES not in page.entries:
        return "TIFF with tiles in the tags of strips"
    return ""

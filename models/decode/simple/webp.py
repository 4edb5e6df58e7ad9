"""WebP (RFC 9649): the RIFF lengths, the size in the header, then a full decode."""

from models.decode.decoder_errors import truncation_as_damage
from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.raster import Raster, check_pixel_count
from models.decode.reason import DecodeError, RejectReason
from models.decode.zero_runs import check_zero_sectors
from models.recipe import Recipe

IMAGE_CHUNKS = frozenset({b"VP8 ", b"VP8L", b"ANMF"})


def decode_webp(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Decode the first frame. Raises DecodeError, or what Pillow raises."""
    kinds = _chunk_kinds(data)
    # Before opening: libwebp's animation decoder, which Pillow uses for all files, allocates the canvas at once.
    check_pixel_count(*_size(data), max_pixels)
    if not kinds & IMAGE_CHUNKS:
        raise DecodeError(RejectReason.DAMAGED, "no image chunk")
    with truncation_as_damage():
        return load_raster(open_with_plugin("WebPImagePlugin", "WebPImageFile", data), max_pixels)


def _chunk_kinds(data: bytes) -> set[bytes]:
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise DecodeError(RejectReason.TRUNCATED, f"RIFF says {end} bytes, the file has {len(data)}")
    at, kinds = 12, set()
    while at + 8 <= end:
        kind = data[at : at + 4]
        kinds.add(kind)
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > end:
            raise DecodeError(RejectReason.DAMAGED, f"chunk at byte {at} runs past its container")
        if kind in IMAGE_CHUNKS:
            check_zero_sectors(data, at + 8, at + 8 + size)
        at += 8 + size + size % 2
    return kinds


def _size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    raise DecodeError(RejectReason.DAMAGED, f"the first chunk is {kind!r}")

"""Intact files of unusual writers are read, or rejected with their kind, and never called damaged.

Each represents files of other projects' test suites that were once refused here, or that crashed a decoder.
"""

import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from models.decode.reason import RejectReason
from models.picture import Recipe
from tests.support.decode import EXACT, read, refusal, resized
from tests.support.image_samples import fading, psd, reason_of, saved, scene

SHRINKING = Recipe(8, 8, "squash", "bicubic", 1.0)


def lossless_jpeg(width: int, height: int) -> bytes:
    """Return a flat grey: every difference is zero, with a code of one bit (T.81, annex H)."""
    frame = struct.pack(">BBHBHHBBBB", 0xFF, 0xC3, 11, 8, height, width, 1, 1, 0x11, 0)
    codes = b"\xff\xc4" + struct.pack(">HB", 20, 0) + bytes([1]) + bytes(15) + b"\0"
    scan = b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 1, 0, 0)
    return b"\xff\xd8" + frame + codes + scan + bytes(width * height // 8) + b"\xff\xd9"


def test_a_lossless_jpeg_is_read_without_shrinking() -> None:
    for recipe in (EXACT, SHRINKING):
        picture = read(lossless_jpeg(160, 120), recipe)
        assert (picture.width, picture.height) == (160, 120)
        assert set(picture.pixels.ravel()) == {128}


def test_three_channels_marked_as_ycck_are_read_as_ycbcr() -> None:
    intact = saved(scene(), "JPEG", quality=95)
    start = 2 + 2 + int.from_bytes(intact[4:6], "big")  # behind JFIF, which would settle the matter
    adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\2"
    picture = read(intact[:2] + adobe + intact[start:])
    assert "metadata fault: Unknown Adobe color transform" in picture.note
    assert np.array_equal(picture.pixels, read(intact).pixels)


def tga(image: Image.Image, packets: bytes | None = None, *, bits: int = 24, spare: int = 0) -> bytes:
    """Return a version 1 file without a footer; `spare`: depth of an absent palette."""
    pixels = np.asarray(image.convert("RGB"))[:, :, ::-1].tobytes() if packets is None else packets
    kind = 2 if packets is None else 10
    head = struct.pack("<BBBHHBHHHHBB", 0, 0, kind, 0, 0, spare, 0, 0, image.width, image.height, bits, 0x20)
    return head + pixels


def packed(image: Image.Image) -> bytes:
    """Return packets of 100 literal pixels each, regardless of the width; the last ones as runs of one."""
    pixels = [bytes(pixel[::-1]) for pixel in np.asarray(image.convert("RGB")).reshape(-1, 3)]
    whole = len(pixels) // 100 * 100 - 100
    literal = (b"\x63" + b"".join(pixels[at : at + 100]) for at in range(0, whole, 100))
    return b"".join([*literal, *(b"\x80" + pixel for pixel in pixels[whole:])])


def test_tga_packets_may_cross_rows() -> None:
    intact = tga(scene(), packed(scene()))
    picture = read(intact)
    assert (picture.format, picture.suspect) == ("tga", "")
    assert np.array_equal(picture.pixels, resized(scene()))
    assert refusal(intact[:-2]).reason is RejectReason.NOT_IMAGE  # half a header is all that a TGA has to be known by
    footed = intact + struct.pack("<II", 0, 0) + b"TRUEVISION-XFILE.\0"
    assert read(footed).suspect == ""
    assert refusal(footed[:900] + footed[1300:]).reason in (RejectReason.DAMAGED, RejectReason.TRUNCATED)
    assert read(intact + b"12345").suspect == "5 bytes more than its header says"


def test_a_tga_may_state_the_depth_of_an_absent_palette() -> None:
    assert np.array_equal(read(tga(scene(), spare=24)).pixels, resized(scene()))
    assert refusal(tga(scene(), spare=7)).reason is RejectReason.NOT_IMAGE


def test_a_tga_with_an_empty_alpha_channel_is_opaque() -> None:
    empty = scene().convert("RGBA")
    empty.putalpha(0)
    assert np.array_equal(read(saved(empty, "TGA")).pixels, resized(scene()))
    assert not np.array_equal(read(saved(fading(), "TGA")).pixels, resized(scene()))


def test_an_icon_may_have_a_longer_bitmap_header() -> None:
    intact = saved(scene(32, 32), "ICO", sizes=[(32, 32)], bitmap_format="bmp")
    start = 22
    longer = struct.pack("<I", 124) + intact[start + 4 : start + 40] + bytes(84) + intact[start + 40 :]
    icon = intact[:14] + struct.pack("<I", len(longer)) + intact[18:start] + longer
    assert np.array_equal(read(icon).pixels, read(intact).pixels)


def test_a_32_bit_psd_is_unsupported() -> None:
    rejection = refusal(psd(scene(), 32))
    assert (rejection.reason, rejection.detail) == (
        RejectReason.UNSUPPORTED,
        "Photoshop document of 32 bits per channel",
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"P3\n1 1\n255\n1 2 3\n", "portable map in decimal digits"),
        (b"PF\n1 1\n-1\n" + bytes(12), "portable float map"),
        (b"/* XPM */\nstatic char *a[] = {", "X pixmap"),
        (b"#define a_width 8\n#define a_height 1\nstatic char a_bits[] = {0x01};", "X bitmap"),
        (b"\0\0\2\0\1\0\x20\x20\0\0\1\0\1\0" + bytes(9), "Windows cursor"),
        (b"BA" + bytes(12) + b"CI" + bytes(40), "OS/2 icon or bitmap array"),
        (b"FORM\0\0\1\0ILBMBMHD", "IFF image"),
        (struct.pack("<IiiHHI", 40, 8, 8, 1, 24, 0) + bytes(212), "bitmap without its file header"),
        (b"\0\0\0\x10ftypmif3\0\0\0\0", "HEIF in its short form"),
    ],
)
def test_image_formats_that_are_not_decoded_are_named(data: bytes, message: str) -> None:
    rejection = refusal(data)
    assert (rejection.reason, rejection.detail) == (RejectReason.UNSUPPORTED, message)


def test_an_uncompressed_pcx_is_unsupported() -> None:
    intact = saved(scene(), "PCX")
    assert refusal(intact[:2] + b"\0" + intact[3:]).detail == "PCX without compression"


def test_a_tiny_image_is_shown_whole() -> None:
    for side in range(1, 12):
        small = scene(12, 12).crop((0, 0, side, side))
        assert np.array_equal(read(saved(small, "PNG")).pixels, resized(small)), side


def test_the_palette_of_a_two_colour_pcx_is_applied() -> None:
    intact = saved(scene().convert("1"), "PCX")
    black_first = intact[:16] + bytes(3) + b"\xff" * 3 + intact[22:]
    white_first = intact[:16] + b"\xff" * 3 + bytes(3) + intact[22:]
    assert np.abs(255 - read(white_first).pixels.astype(int) - read(black_first).pixels).max() <= 2
    assert np.array_equal(read(black_first).pixels, read(intact).pixels)


@pytest.mark.parametrize("make", [lambda: saved(scene(), "PCX"), lambda: saved(scene(), "SGI")])
def test_truncated_old_formats_are_rejected(make: Callable[[], bytes]) -> None:
    intact = make()
    assert reason_of(lambda: read(intact)) == "ok"
    assert reason_of(lambda: read(intact[: len(intact) // 2])) in (RejectReason.TRUNCATED, RejectReason.DAMAGED)


@pytest.mark.parametrize("bit", [0, 1])
def test_the_attribute_bit_of_a_tga_means_opaque(bit: int) -> None:
    """The left half has the bit, the right half does not; `bit`: whether the header declares it."""
    white = np.full((48, 64), 0x7FFF, np.uint16) & 0x001F  # blue
    white[:, :32] |= 0x8000
    head = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 64, 48, 16, 0x20 | bit)
    shown = read(head + white.astype("<u2").tobytes()).pixels
    assert tuple(shown[24, 8]) == (0, 0, 255)
    assert tuple(shown[24, 56]) == ((255, 255, 255) if bit else (0, 0, 255))


def test_the_uncovered_part_of_a_gif_is_transparent() -> None:
    small = saved(Image.new("P", (32, 24), 0), "GIF")
    framed = small[:6] + struct.pack("<HH", 64, 48) + small[10:]
    place = framed.index(b",", 13 + (3 << (framed[10] & 7) + 1 if framed[10] & 0x80 else 0)) + 1
    shown = read(framed[:place] + struct.pack("<HH", 16, 12) + framed[place + 4 :]).pixels
    assert tuple(shown[24, 32]) == (0, 0, 0)
    assert tuple(shown[2, 2]) == tuple(shown[46, 62]) == (255, 255, 255)


@pytest.mark.parametrize(
    "text", [b"P2P networks, a survey\n", b"P1 is urgent\n", b"#define MAX_WIDTH 4\nint line_width = 3;\n"]
)
def test_text_that_starts_like_an_image_is_text(text: bytes) -> None:
    rejection = refusal(text)
    assert (rejection.reason, rejection.detail) == (RejectReason.NOT_IMAGE, "text")

"""Sound files as odd writers make them: read, or named for what they are, and never called damaged.

Each stands for files of other projects' test suites that were once refused here, or that crashed a decoder.
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
    """All of one grey: every difference is zero, and has the code of one bit (T.81, annex H)."""
    frame = struct.pack(">BBHBHHBBBB", 0xFF, 0xC3, 11, 8, height, width, 1, 1, 0x11, 0)
    codes = b"\xff\xc4" + struct.pack(">HB", 20, 0) + bytes([1]) + bytes(15) + b"\0"
    scan = b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 1, 0, 0)
    return b"\xff\xd8" + frame + codes + scan + bytes(width * height // 8) + b"\xff\xd9"


def test_a_lossless_jpeg_is_read_also_where_others_are_shrunk() -> None:
    for recipe in (EXACT, SHRINKING):
        picture = read(lossless_jpeg(160, 120), recipe)
        assert (picture.width, picture.height) == (160, 120)
        assert set(picture.pixels.ravel()) == {128}


def test_three_channels_marked_as_ycck_are_ycbcr() -> None:
    sound = saved(scene(), "JPEG", quality=95)
    start = 2 + 2 + int.from_bytes(sound[4:6], "big")  # behind JFIF, which would settle the matter
    adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\2"
    picture = read(sound[:2] + adobe + sound[start:])
    assert "metadata fault: Unknown Adobe color transform" in picture.note
    assert np.array_equal(picture.pixels, read(sound).pixels)


def tga(image: Image.Image, packets: bytes | None = None, *, bits: int = 24, spare: int = 0) -> bytes:
    """Version 1, without a footer; `spare`: depth of a palette that is not there."""
    pixels = np.asarray(image.convert("RGB"))[:, :, ::-1].tobytes() if packets is None else packets
    kind = 2 if packets is None else 10
    head = struct.pack("<BBBHHBHHHHBB", 0, 0, kind, 0, 0, spare, 0, 0, image.width, image.height, bits, 0x20)
    return head + pixels


def packed(image: Image.Image) -> bytes:
    """Packets of 100 literal pixels each, whatever the width; the last ones as runs of one."""
    pixels = [bytes(pixel[::-1]) for pixel in np.asarray(image.convert("RGB")).reshape(-1, 3)]
    whole = len(pixels) // 100 * 100 - 100
    literal = (b"\x63" + b"".join(pixels[at : at + 100]) for at in range(0, whole, 100))
    return b"".join([*literal, *(b"\x80" + pixel for pixel in pixels[whole:])])


def test_packets_of_a_tga_may_run_from_row_to_row() -> None:
    sound = tga(scene(), packed(scene()))
    picture = read(sound)
    assert (picture.format, picture.suspect) == ("tga", "")
    assert np.array_equal(picture.pixels, resized(scene()))
    assert refusal(sound[:-2]).reason is RejectReason.NOT_IMAGE  # half a header is all that a TGA has to be known by
    footed = sound + struct.pack("<II", 0, 0) + b"TRUEVISION-XFILE.\0"
    assert read(footed).suspect == ""
    assert refusal(footed[:900] + footed[1300:]).reason in (RejectReason.DAMAGED, RejectReason.TRUNCATED)
    assert read(sound + b"12345").suspect == "5 bytes more than its header says"


def test_a_tga_may_name_the_depth_of_a_palette_that_it_has_not() -> None:
    assert np.array_equal(read(tga(scene(), spare=24)).pixels, resized(scene()))
    assert refusal(tga(scene(), spare=7)).reason is RejectReason.NOT_IMAGE


def test_a_tga_whose_fourth_byte_is_always_empty_is_not_blank() -> None:
    empty = scene().convert("RGBA")
    empty.putalpha(0)
    assert np.array_equal(read(saved(empty, "TGA")).pixels, resized(scene()))
    assert not np.array_equal(read(saved(fading(), "TGA")).pixels, resized(scene()))


def test_an_icon_may_have_a_longer_bitmap_header() -> None:
    sound = saved(scene(32, 32), "ICO", sizes=[(32, 32)], bitmap_format="bmp")
    start = 22
    longer = struct.pack("<I", 124) + sound[start + 4 : start + 40] + bytes(84) + sound[start + 40 :]
    icon = sound[:14] + struct.pack("<I", len(longer)) + sound[18:start] + longer
    assert np.array_equal(read(icon).pixels, read(sound).pixels)


def test_floats_of_photoshop_are_unsupported() -> None:
    unfit = refusal(psd(scene(), 32))
    assert (unfit.reason, unfit.detail) == (RejectReason.UNSUPPORTED, "Photoshop document of 32 bits per channel")


@pytest.mark.parametrize(
    ("data", "words"),
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
def test_pictures_that_are_not_decoded_have_a_name(data: bytes, words: str) -> None:
    unfit = refusal(data)
    assert (unfit.reason, unfit.detail) == (RejectReason.UNSUPPORTED, words)


def test_pcx_without_compression_is_named_and_not_misread() -> None:
    sound = saved(scene(), "PCX")
    assert refusal(sound[:2] + b"\0" + sound[3:]).detail == "PCX without compression"


def test_a_tiny_picture_is_shown_whole() -> None:
    for side in range(1, 12):
        small = scene(12, 12).crop((0, 0, side, side))
        assert np.array_equal(read(saved(small, "PNG")).pixels, resized(small)), side


def test_a_palette_of_two_colours_decides_what_is_white_in_a_pcx() -> None:
    sound = saved(scene().convert("1"), "PCX")
    black_first = sound[:16] + bytes(3) + b"\xff" * 3 + sound[22:]
    white_first = sound[:16] + b"\xff" * 3 + bytes(3) + sound[22:]
    assert np.abs(255 - read(white_first).pixels.astype(int) - read(black_first).pixels).max() <= 2
    assert np.array_equal(read(black_first).pixels, read(sound).pixels)


@pytest.mark.parametrize("make", [lambda: saved(scene(), "PCX"), lambda: saved(scene(), "SGI")])
def test_a_cut_old_picture_is_rejected(make: Callable[[], bytes]) -> None:
    sound = make()
    assert reason_of(lambda: read(sound)) == "ok"
    assert reason_of(lambda: read(sound[: len(sound) // 2])) in (RejectReason.TRUNCATED, RejectReason.DAMAGED)


@pytest.mark.parametrize("bit", [0, 1])
def test_the_sixteenth_bit_of_a_tga_is_set_where_it_is_opaque(bit: int) -> None:
    """Left half with the bit, right half without; `bit`: whether the header says that there is one."""
    white = np.full((48, 64), 0x7FFF, np.uint16) & 0x001F  # blue
    white[:, :32] |= 0x8000
    head = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 64, 48, 16, 0x20 | bit)
    shown = read(head + white.astype("<u2").tobytes()).pixels
    assert tuple(shown[24, 8]) == (0, 0, 255)
    assert tuple(shown[24, 56]) == ((255, 255, 255) if bit else (0, 0, 255))


def test_what_the_first_frame_of_a_gif_leaves_empty_is_empty() -> None:
    small = saved(Image.new("P", (32, 24), 0), "GIF")
    framed = small[:6] + struct.pack("<HH", 64, 48) + small[10:]
    place = framed.index(b",", 13 + (3 << (framed[10] & 7) + 1 if framed[10] & 0x80 else 0)) + 1
    shown = read(framed[:place] + struct.pack("<HH", 16, 12) + framed[place + 4 :]).pixels
    assert tuple(shown[24, 32]) == (0, 0, 0)
    assert tuple(shown[2, 2]) == tuple(shown[46, 62]) == (255, 255, 255)


@pytest.mark.parametrize(
    "text", [b"P2P networks, a survey\n", b"P1 is urgent\n", b"#define MAX_WIDTH 4\nint line_width = 3;\n"]
)
def test_text_that_begins_like_a_picture_is_text(text: bytes) -> None:
    unfit = refusal(text)
    assert (unfit.reason, unfit.detail) == (RejectReason.NOT_IMAGE, "text")

"""Sound files as odd writers make them: read, or named for what they are, and never called damaged.

Each stands for files of other projects' test suites that were once refused here, or that crashed a decoder.
"""

import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from specimens import heic, psd, reason_of, saved, scene

from models.picture import Picture, Recipe, Unfit, read_picture
from models.reason import Reason

EXACT = Recipe(48, 64, "squash", "bicubic", 0)
SHRINKING = Recipe(8, 8, "squash", "bicubic", 1.0)


def read(data: bytes, recipe: Recipe = EXACT) -> Picture:
    return read_picture(data, recipe)


def refusal(data: bytes) -> Unfit:
    with pytest.raises(Unfit) as caught:
        read(data)
    return caught.value


def resized(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB").resize((64, 48), Image.Resampling.BICUBIC))


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
    assert refusal(sound[:-2]).reason is Reason.NOT_IMAGE  # half a header is all that a TGA has to be known by
    footed = sound + struct.pack("<II", 0, 0) + b"TRUEVISION-XFILE.\0"
    assert read(footed).suspect == ""
    assert refusal(footed[:900] + footed[1300:]).reason in (Reason.DAMAGED, Reason.TRUNCATED)
    assert read(sound + b"12345").suspect == "5 bytes more than its header says"


def test_a_tga_may_name_the_depth_of_a_palette_that_it_has_not() -> None:
    assert np.array_equal(read(tga(scene(), spare=24)).pixels, resized(scene()))
    assert refusal(tga(scene(), spare=7)).reason is Reason.NOT_IMAGE


def fading() -> Image.Image:
    """The scene, transparent above and opaque below."""
    image = scene().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


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


@pytest.mark.parametrize("depth", [16, 32])
def test_a_deep_photoshop_document_is_unsupported(depth: int) -> None:
    unfit = refusal(psd(scene(), depth))
    assert (unfit.reason, unfit.detail) == (Reason.UNSUPPORTED, f"Photoshop document of {depth} bits a channel")


def retagged(tiff: bytes, tag: int, *, to: int | None = None, value: int | None = None) -> bytes:
    """The first directory's entry of `tag` with another number, or another value of 16 bits."""
    (first,) = struct.unpack_from("<I", tiff, 4)
    for at in range(first + 2, first + 2 + 12 * struct.unpack_from("<H", tiff, first)[0], 12):
        if struct.unpack_from("<H", tiff, at)[0] == tag:
            changed = bytearray(tiff)
            if to is not None:
                struct.pack_into("<H", changed, at, to)
            if value is not None:
                struct.pack_into("<H", changed, at + 8, value)
            return bytes(changed)
    raise AssertionError(f"no tag {tag}")


@pytest.mark.parametrize(
    ("tag", "value", "words"),
    [
        (259, 34712, "TIFF with JPEG 2000"),
        (259, 50002, "TIFF with JPEG XL"),
        (259, 6, "TIFF with old-style JPEG"),
        (259, 34713, "camera raw"),
        (262, 32803, "camera raw"),
    ],
)
def test_a_tiff_of_foreign_coding_is_unsupported(tag: int, value: int, words: str) -> None:
    unfit = refusal(retagged(saved(scene(), "TIFF"), tag, value=value))
    assert (unfit.reason, unfit.detail) == (Reason.UNSUPPORTED, words)


def test_a_page_that_is_none_behind_a_sound_one_makes_a_tiff_suspect() -> None:
    sound = saved(scene(), "TIFF")
    (first,) = struct.unpack_from("<I", sound, 4)
    end = first + 2 + 12 * struct.unpack_from("<H", sound, first)[0]
    picture = read(sound[:end] + struct.pack("<I", 100) + sound[end + 4 :])
    assert picture.suspect
    assert np.array_equal(picture.pixels, resized(scene()))


def test_a_tag_that_libtiff_leaves_out_is_no_damage(capfd: pytest.CaptureFixture[str]) -> None:
    sound = saved(scene(), "TIFF", compression="tiff_lzw", software="made here")
    picture = read(retagged(sound, 305, to=0))
    assert np.array_equal(picture.pixels, resized(scene()))
    assert capfd.readouterr().err == ""


def test_an_avif_part_without_a_size_is_unsupported() -> None:
    sound = saved(fading(), "AVIF", speed=9)
    at = sound.index(b"ipma") + 4
    assert sound[at : at + 8] == struct.pack(">II", 0, 2)
    first = at + 8
    second = first + 3 + sound[first + 2]
    places = range(second + 3, second + 3 + sound[second + 2])
    changed = bytearray(sound)
    changed[places[0]] = sound[places[1]]  # of the transparency, its size is named first
    unfit = refusal(bytes(changed))
    assert (unfit.reason, unfit.detail) == (Reason.UNSUPPORTED, "AVIF with a part that does not say its size")


def test_the_container_says_how_large_an_avif_is_before_anything_is_decoded() -> None:
    sound = bytearray(saved(scene(), "AVIF", speed=9))
    at = sound.index(b"ispe") + 8
    sound[at : at + 8] = struct.pack(">II", 40_000, 40_000)
    assert refusal(bytes(sound)).reason is Reason.PIXELS


def test_a_heif_of_foreign_coding_is_unsupported() -> None:
    unfit = refusal(heic(scene()).replace(b"hvc1", b"unci"))
    assert (unfit.reason, unfit.detail) == (Reason.UNSUPPORTED, "HEIF that holds uncompressed pixels")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"P3\n1 1\n255\n1 2 3\n", "portable pixmap in decimal digits"),
        (b"PF\n1 1\n-1\n" + bytes(12), "portable float map"),
        (b"/* XPM */\nstatic char *a[] = {", "X pixmap"),
        (b"#define a_width 8\n#define a_height 1\nstatic char a_bits[] = {0x01};", "X bitmap"),
        (b"\0\0\2\0\1\0\x20\x20\0\0\1\0\1\0" + bytes(9), "Windows cursor"),
        (b"BA" + bytes(12) + b"CI" + bytes(40), "OS/2 icon or bitmap array"),
        (b"FORM\0\0\1\0ILBMBMHD", "IFF picture"),
        (struct.pack("<IiiHHI", 40, 8, 8, 1, 24, 0) + bytes(212), "bitmap without its file header"),
        (b"\0\0\0\x10ftypmif3\0\0\0\0", "HEIF in its short form"),
    ],
)
def test_pictures_that_are_not_decoded_have_a_name(data: bytes, words: str) -> None:
    unfit = refusal(data)
    assert (unfit.reason, unfit.detail) == (Reason.UNSUPPORTED, words)


def test_pcx_without_compression_is_named_and_not_misread() -> None:
    sound = saved(scene(), "PCX")
    assert refusal(sound[:2] + b"\0" + sound[3:]).detail == "PCX without compression"


def test_zeros_that_fill_up_the_tiles_of_a_tiff_are_no_lost_sector() -> None:
    """Two tiles of 128 x 128 for 160 x 64 pixels: the lower half of each is filling, and whole sectors of the file."""
    pixels = np.zeros((128, 256), np.uint8)
    pixels[:64, :160] = np.asarray(scene(160, 64).convert("L")).clip(1)
    tiles = pixels[:, :128].tobytes() + pixels[:, 128:].tobytes()
    start, size = 4096, 128 * 128
    places = start + len(tiles)
    rows = [(256, 160), (257, 64), (258, 8), (259, 1), (262, 1), (277, 1), (322, 128), (323, 128)]
    entries = [struct.pack("<HHII", tag, 3, 1, value) for tag, value in rows]
    entries += [struct.pack("<HHII", 324, 4, 2, places), struct.pack("<HHII", 325, 4, 2, places + 8)]
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    head = struct.pack("<4sI", b"II*\0", places + 16).ljust(start, b"\1")
    picture = read(head + tiles + struct.pack("<4I", start, start + size, size, size) + directory)
    assert (picture.width, picture.height, picture.suspect) == (160, 64, "")


@pytest.mark.parametrize("make", [lambda: saved(scene(), "PCX"), lambda: saved(scene(), "SGI")])
def test_a_cut_old_picture_is_rejected(make: Callable[[], bytes]) -> None:
    sound = make()
    assert reason_of(lambda: read(sound)) == "ok"
    assert reason_of(lambda: read(sound[: len(sound) // 2])) in (Reason.TRUNCATED, Reason.DAMAGED)

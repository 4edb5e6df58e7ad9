"""Unusual TIFFs are shown as intended, or rejected with their kind."""

import struct
import zlib

import numpy as np
import pytest

from models.decode.reason import RejectReason
from models.picture import DecodeError
from tests.support.decode import read, refusal, resized
from tests.support.image_samples import saved, scene


def retagged(tiff: bytes, tag: int, *, to: int | None = None, value: int | None = None) -> bytes:
    """Return the file with another tag number, or another 16-bit value, in the first directory's entry of `tag`."""
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
    ("tag", "value", "message"),
    [
        (259, 34712, "TIFF with JPEG 2000"),
        (259, 50002, "TIFF with JPEG XL"),
        (259, 6, "TIFF with old-style JPEG"),
        (259, 34713, "camera raw"),
        (262, 32803, "camera raw"),
    ],
)
def test_a_tiff_with_another_compression_is_unsupported(tag: int, value: int, message: str) -> None:
    rejection = refusal(retagged(saved(scene(), "TIFF"), tag, value=value))
    assert (rejection.reason, rejection.detail) == (RejectReason.UNSUPPORTED, message)


def test_an_invalid_later_page_makes_a_tiff_suspect() -> None:
    intact = saved(scene(), "TIFF")
    (first,) = struct.unpack_from("<I", intact, 4)
    end = first + 2 + 12 * struct.unpack_from("<H", intact, first)[0]
    picture = read(intact[:end] + struct.pack("<I", 100) + intact[end + 4 :])
    assert picture.suspect
    assert np.array_equal(picture.pixels, resized(scene()))


def test_a_tag_that_libtiff_skips_is_accepted(capfd: pytest.CaptureFixture[str]) -> None:
    intact = saved(scene(), "TIFF", compression="tiff_lzw", software="made here")
    picture = read(retagged(intact, 305, to=0))
    assert np.array_equal(picture.pixels, resized(scene()))
    assert capfd.readouterr().err == ""


def test_zero_padding_of_tiles_is_accepted() -> None:
    """Two tiles of 128 x 128 for 160 x 64 pixels: the lower half of each is padding, in whole sectors of the file."""
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


def test_the_first_page_is_shown_although_later_ones_are_verified() -> None:
    pages = [scene(seed=seed) for seed in (1, 2, 3)]
    for compression in ("raw", "tiff_lzw"):
        data = saved(pages[0], "TIFF", compression=compression, save_all=True, append_images=pages[1:])
        picture = read(data)
        assert picture.note == "first of 3 pages"
        assert np.array_equal(picture.pixels, resized(pages[0]))


def tiff(order: str, bits: int, samples: int, tags: dict[int, int], planes: list[bytes]) -> bytes:
    """Return an uncompressed file of 120 x 80, one strip per plane; `tags` replace or extend the usual ones."""
    usual = {256: 120, 257: 80, 258: bits, 259: 1, 262: 2 if samples == 3 else 1, 277: samples, 278: 80}
    start, rows = 8, b""
    places = [start + sum(map(len, planes[:number])) for number in range(len(planes))]
    end = start + sum(map(len, planes))
    count = len(usual | tags) + 2
    extra = end + 2 + 12 * count + 4
    more = struct.pack(f"{order}{len(planes)}I", *places) + struct.pack(f"{order}{len(planes)}I", *map(len, planes))
    for tag, value in (usual | tags).items():
        rows += struct.pack(order + "HHIHH", tag, 3, 1, value, 0)
    for tag, values, at in ((273, places, extra), (279, [len(plane) for plane in planes], extra + 4 * len(planes))):
        rows += struct.pack(order + "HHII", tag, 4, len(planes), at if len(planes) > 1 else values[0])
    listed = b"".join(
        sorted(
            (rows[at : at + 12] for at in range(0, len(rows), 12)), key=lambda row: struct.unpack_from(order + "H", row)
        )
    )
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", end)
    return head + b"".join(planes) + struct.pack(order + "H", count) + listed + bytes(4) + more


GREY = np.asarray(scene().convert("L"))


@pytest.mark.parametrize("order", ["<", ">"])
def test_separate_sixteen_bit_planes_are_decoded(order: str) -> None:
    colours = np.asarray(scene()).astype(order + "u2") * 257
    data = tiff(order, 16, 3, {284: 2}, [colours[:, :, channel].tobytes() for channel in range(3)])
    assert np.abs(read(data).pixels.astype(int) - resized(scene())).max() <= 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("white_is_zero", [False, True])
def test_floats_are_scaled(order: str, white_is_zero: bool) -> None:
    values = ((255 - GREY if white_is_zero else GREY) / 255).astype(order + "f4")
    data = tiff(order, 32, 1, {339: 3, 262: 0 if white_is_zero else 1}, [values.tobytes()])
    assert np.abs(read(data).pixels.astype(int) - resized(scene().convert("L"))).max() <= 2


def test_compressed_big_endian_floats_are_decoded() -> None:
    big = tiff(">", 32, 1, {339: 3, 259: 8}, [zlib.compress((GREY / 255).astype(">f4").tobytes())])
    assert np.abs(read(big).pixels.astype(int) - resized(scene().convert("L"))).max() <= 1


def test_white_is_zero_applies_to_sixteen_bits() -> None:
    data = tiff("<", 16, 1, {262: 0}, [((255 - GREY).astype("<u2") * 257).tobytes()])
    assert np.abs(read(data).pixels.astype(int) - resized(scene().convert("L"))).max() <= 1


def test_unsigned_32_bit_numbers_are_not_negative() -> None:
    data = tiff("<", 32, 1, {}, [(GREY.astype("<u4") * (0xFFFFFFFF // 255)).tobytes()])
    shown = read(data).pixels.astype(int)
    assert np.abs(shown - np.rint(resized(scene().convert("L")) * (255 / GREY.max()))).max() <= 2


def test_an_eight_bit_colour_map_is_not_black() -> None:
    intact = saved(scene().quantize(64), "TIFF")
    at, count = colour_map(intact)
    colours = struct.unpack_from(f"<{count}H", intact, at)
    eight = struct.pack(f"<{count}H", *(colour >> 8 for colour in colours))
    changed = intact[:at] + eight + intact[at + 2 * count :]
    assert np.array_equal(read(changed).pixels, read(intact).pixels)


def colour_map(tiff: bytes) -> tuple[int, int]:
    """Return the offset of the colour map, and how many numbers it has."""
    (first,) = struct.unpack_from("<I", tiff, 4)
    for at in range(first + 2, first + 2 + 12 * struct.unpack_from("<H", tiff, first)[0], 12):
        tag, _, count, place = struct.unpack_from("<HHII", tiff, at)
        if tag == 320:
            return place, count
    raise AssertionError("no colour map")


def test_strips_of_jpeg_in_a_tiff_are_walked() -> None:
    intact = saved(scene(480, 320), "TIFF", compression="jpeg", quality=90)
    assert read(intact).suspect == ""
    start = intact.index(b"\xff\xda") + 14
    seen = sum(changed(intact[:at] + bytes(200) + intact[at + 200 :]) for at in range(start, start + 4000, 200))
    assert seen >= 18


def changed(data: bytes) -> bool:
    """Whether the file is rejected or suspect."""
    try:
        return bool(read(data).suspect)
    except DecodeError:
        return True


def test_separate_planes_of_grey_and_alpha_are_unsupported() -> None:
    planes = [zlib.compress(plane.tobytes()) for plane in (GREY, GREY)]
    rejection = refusal(tiff("<", 8, 2, {284: 2, 338: 2, 259: 8}, planes))
    assert (rejection.reason, "grey and alpha" in rejection.detail) == (RejectReason.UNSUPPORTED, True)


def test_signed_16_bit_numbers_start_below_zero() -> None:
    signed = (GREY.astype(np.int32) * 257 - 32768).astype("<i2")
    shown = read(tiff("<", 16, 1, {339: 2}, [signed.tobytes()])).pixels.astype(int)
    assert np.abs(shown - resized(scene().convert("L"))).max() <= 1


def test_a_truncated_tiff_of_a_partly_supported_kind_is_truncated() -> None:
    whole = retagged(saved(scene(), "TIFF"), 259, value=6)
    assert refusal(whole).reason is RejectReason.UNSUPPORTED
    assert refusal(whole[:-2000]).reason in (RejectReason.TRUNCATED, RejectReason.DAMAGED)

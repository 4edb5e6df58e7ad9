"""Date, camera and orientation are read, and damaged metadata never rejects an image."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from models.decode.exif import NO_EXIF, Exif, read_exif
from models.picture import Recipe, read_picture
from tests.support.image_samples import heic, saved, scene


def block(make: str, model: str, taken: str = "2021:07:09 18:15:59", zone: str = "") -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = make, model, 6
    exif.get_ifd(0x8769)[0x9003] = taken
    if zone:
        exif.get_ifd(0x8769)[0x9011] = zone
    return exif


def test_date_camera_and_orientation_are_read() -> None:
    result = read_exif(block("Canon", "Canon PowerShot G11", zone="+02:00").tobytes())
    assert result == Exif(6, "2021-07-09T18:15:59+02:00", "Canon PowerShot G11")
    assert read_exif(block("Google", "Pixel 7").tobytes()) == Exif(6, "2021-07-09T18:15:59", "Google Pixel 7")
    assert read_exif(block("", "").tobytes()).camera is None


def test_an_unset_clock_gives_no_date() -> None:
    for taken in ("0000:00:00 00:00:00", "    :  :     :  :  ", "", "2021:13:40 99:00:00", "nonsense"):
        assert read_exif(block("A", "B", taken).tobytes()).taken_at is None
    assert read_exif(block("A", "B", zone="+2").tobytes()).taken_at == "2021-07-09T18:15:59"


def test_both_byte_orders_and_impossible_values() -> None:
    for order, mark in (("<", b"II*\0"), (">", b"MM\0*")):
        for value, shown in ((8, 8), (0, 1), (9, 1), (65535, 1)):
            entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, value, 0)
            data = mark + struct.pack(order + "IH", 8, 1) + entry + bytes(4)
            assert read_exif(data) == Exif(orientation=shown)
    assert read_exif(b"") == read_exif(b"II*\0") == NO_EXIF


def test_exif_is_read_from_every_format_that_has_it() -> None:
    exif = block(
        "Google", "Pixel 7"
    ).tobytes()  # bytes, because writing an AVIF takes the orientation out of the object
    files = [saved(scene(), kind, exif=exif) for kind in ("JPEG", "PNG", "WEBP", "AVIF")]
    for data in [*files, heic(scene(), exif=exif)]:
        picture = read_picture(data, Recipe(32, 32))
        assert (picture.camera, picture.taken_at) == ("Google Pixel 7", "2021-07-09T18:15:59"), picture.format
        assert (picture.width, picture.height) == (80, 120), picture.format
    # Pillow leaves the inner directory out when it writes a TIFF.
    picture = read_picture(saved(scene(), "TIFF", exif=block("Google", "Pixel 7")), Recipe(32, 32))
    assert (picture.camera, picture.width, picture.height) == ("Google Pixel 7", 80, 120)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_damaged_metadata_never_raises(noise: bytes, at: int) -> None:
    intact = block("Google", "Pixel 7").tobytes()
    assert isinstance(read_exif(intact[:at] + noise + intact[at + len(noise) :]), Exif)
    assert isinstance(read_exif(b"II*\0" + noise), Exif)


@pytest.mark.parametrize(("kind", "code"), [(1, "B"), (3, "H"), (4, "I"), (8, "h"), (9, "i")])
def test_the_orientation_may_be_any_integer_type(kind: int, code: str) -> None:
    value = struct.pack("<" + code, 6).ljust(4, b"\0")
    block = b"II*\0" + struct.pack("<IHHHI", 8, 1, 0x0112, kind, 1) + value + bytes(4)
    assert read_exif(block).orientation == 6

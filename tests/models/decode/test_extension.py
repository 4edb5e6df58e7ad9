"""What the name promises: wrong types, destroyed pictures, and pictures of another format."""

import pytest

from models.decode.extension import extension, extension_mismatch, reclassify_by_name
from models.decode.formats import FORMATS
from models.decode.reason import DecodeError, RejectReason
from models.picture import Recipe, read_picture
from tests.support.image_samples import SPECIMENS, reason_of, specimen

RECIPE = Recipe(8, 8)


def unfit(data: bytes) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        read_picture(data, RECIPE)
    return caught.value


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"<!DOCTYPE html><html>404", "an HTML page"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "a video"),
        (b"%PDF-1.4", "a PDF document"),
        (b"PK\x03\x04rest", "a ZIP archive"),
        (b'{"error": "rate limited"}\n', "text"),
        (b"<svg xmlns=''>", "an SVG drawing"),
    ],
)
def test_another_type_under_the_name_of_an_image(data: bytes, word: str) -> None:
    for name in (b"IMG_1.JPG", b"a.b.heic", b"raw.NEF"):
        found = reclassify_by_name(unfit(data), name)
        assert found.reason == RejectReason.WRONG_TYPE
        assert found.detail.startswith(word)
    for name in (b"page.html", b"jpg", b".jpg", b"clip.mp4", b"noise.\xff\xfe"):
        assert reclassify_by_name(unfit(data), name).reason == RejectReason.NOT_IMAGE


def test_bytes_of_no_kind_under_the_name_of_an_image_are_a_destroyed_picture() -> None:
    noise = b"\x93\x01\xfe\x07" * 900
    found = reclassify_by_name(unfit(noise), b"IMG_1.jpeg")
    assert (found.reason, found.detail) == (
        RejectReason.DAMAGED,
        "not the start of an image, although the name says jpeg",
    )
    assert reclassify_by_name(unfit(noise), b"IMG_1.bin").reason == RejectReason.NOT_IMAGE


@pytest.mark.parametrize("name", sorted(SPECIMENS))
def test_a_wrong_header_is_damage_where_the_name_says_what_stood_there(name: str) -> None:
    last = next(row.extensions[0] for row in FORMATS if row.name == name)
    broken = bytes(16) + specimen(name)[16:]
    assert reclassify_by_name(unfit(broken), f"a.{last}".encode()).reason == RejectReason.DAMAGED


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", RejectReason.EMPTY), (bytes(5000), RejectReason.DAMAGED), (specimen("png")[:60], RejectReason.TRUNCATED)],
)
def test_other_verdicts_stand_whatever_the_name(data: bytes, reason: RejectReason) -> None:
    assert reason_of(lambda: read_picture(data, RECIPE)) == reason
    kept = reclassify_by_name(unfit(data), b"a.jpg")
    assert (kept.reason, kept.detail) == (reason, unfit(data).detail)


def test_a_picture_of_another_format_is_remarked_upon() -> None:
    assert extension_mismatch("png", b"a.jpg") == "a PNG, though named .jpg"
    assert extension_mismatch("avif", b"a.HEIC") == "an AVIF, though named .heic"
    for format_, name in (("jpeg", b"a.JPE"), ("png", b"a"), ("png", b"a.txt"), ("tiff", b"a.tif")):
        assert extension_mismatch(format_, name) == ""
    assert extension(b"a.b.TIFF") == "tiff"

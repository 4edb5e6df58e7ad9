"""Extensions: wrong types, destroyed images, and images of another format."""

import pytest

from models.decode.extension import extension, extension_mismatch, reclassify_by_name
from models.decode.formats import FORMATS
from models.decode.reason import DecodeError, RejectReason
from models.picture import Recipe, read_picture
from tests.support.image_samples import SPECIMENS, reason_of, specimen

RECIPE = Recipe(8, 8)


def rejection(data: bytes) -> DecodeError:
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
def test_other_file_types_named_like_an_image_are_of_the_wrong_type(data: bytes, word: str) -> None:
    for name in (b"IMG_1.JPG", b"a.b.heic", b"raw.NEF"):
        found = reclassify_by_name(rejection(data), name)
        assert found.reason == RejectReason.WRONG_TYPE
        assert found.detail.startswith(word)
    for name in (b"page.html", b"jpg", b".jpg", b"clip.mp4", b"noise.\xff\xfe"):
        assert reclassify_by_name(rejection(data), name).reason == RejectReason.NOT_IMAGE


def test_unknown_bytes_named_like_an_image_are_damaged() -> None:
    noise = b"\x93\x01\xfe\x07" * 900
    found = reclassify_by_name(rejection(noise), b"IMG_1.jpeg")
    assert (found.reason, found.detail) == (
        RejectReason.DAMAGED,
        "not the start of an image, although the name says jpeg",
    )
    assert reclassify_by_name(rejection(noise), b"IMG_1.bin").reason == RejectReason.NOT_IMAGE


@pytest.mark.parametrize("name", sorted(SPECIMENS))
def test_an_overwritten_header_is_damage_if_the_name_is_an_images(name: str) -> None:
    last = next(row.extensions[0] for row in FORMATS if row.name == name)
    broken = bytes(16) + specimen(name)[16:]
    assert reclassify_by_name(rejection(broken), f"a.{last}".encode()).reason == RejectReason.DAMAGED


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", RejectReason.EMPTY), (bytes(5000), RejectReason.DAMAGED), (specimen("png")[:60], RejectReason.TRUNCATED)],
)
def test_other_reasons_do_not_depend_on_the_name(data: bytes, reason: RejectReason) -> None:
    assert reason_of(lambda: read_picture(data, RECIPE)) == reason
    kept = reclassify_by_name(rejection(data), b"a.jpg")
    assert (kept.reason, kept.detail) == (reason, rejection(data).detail)


def test_an_extension_of_another_format_is_noted() -> None:
    assert extension_mismatch("png", b"a.jpg") == "a PNG, though named .jpg"
    assert extension_mismatch("avif", b"a.HEIC") == "an AVIF, though named .heic"
    for format_, name in (("jpeg", b"a.JPE"), ("png", b"a"), ("png", b"a.txt"), ("tiff", b"a.tif")):
        assert extension_mismatch(format_, name) == ""
    assert extension(b"a.b.TIFF") == "tiff"

"""HEIF and AVIF boxes: size, crop, codec."""

import struct
from io import BytesIO

import numpy as np
from PIL import Image

from models.decode.reason import RejectReason
from tests.support.decode import read, refusal, resized
from tests.support.image_samples import fading, heic, saved, scene


def test_an_avif_item_without_a_size_is_unsupported() -> None:
    intact = saved(fading(), "AVIF", speed=9)
    at = intact.index(b"ipma") + 4
    assert intact[at : at + 8] == struct.pack(">II", 0, 2)
    first = at + 8
    second = first + 3 + intact[first + 2]
    places = range(second + 3, second + 3 + intact[second + 2])
    changed = bytearray(intact)
    changed[places[0]] = intact[places[1]]  # of the transparency, its size is named first
    rejection = refusal(bytes(changed))
    assert (rejection.reason, rejection.detail) == (
        RejectReason.UNSUPPORTED,
        "AVIF with an item that does not state its size",
    )


def test_the_size_of_an_avif_is_checked_before_decoding() -> None:
    intact = bytearray(saved(scene(), "AVIF", speed=9))
    at = intact.index(b"ispe") + 8
    intact[at : at + 8] = struct.pack(">II", 40_000, 40_000)
    assert refusal(bytes(intact)).reason is RejectReason.PIXELS


def test_a_heif_with_another_codec_is_unsupported() -> None:
    rejection = refusal(heic(scene()).replace(b"hvc1", b"unci"))
    assert (rejection.reason, rejection.detail) == (RejectReason.UNSUPPORTED, "HEIF that holds uncompressed pixels")


def with_aperture(avif: bytes, aperture: bytes) -> bytes:
    """Return the file with a clap box as the last property of its first item, with all sizes and offsets adjusted."""
    box = struct.pack(">I4s", 8 + len(aperture), b"clap") + aperture
    ipco, ipma = avif.index(b"ipco") - 4, avif.index(b"ipma") - 4
    (size,) = struct.unpack_from(">I", avif, ipco)
    end, number, at = ipco + size, 0, ipco + 8
    while at < end:
        at, number = at + struct.unpack_from(">I", avif, at)[0], number + 1
    grown = bytearray(avif[:end] + box + avif[end:])
    count = ipma + len(box) + 18
    grown[count] += 1
    listed = count + 1 + grown[count] - 1
    grown[listed:listed] = bytes([0x80 | number + 1])  # essential, as whatever changes the picture
    more = len(box) + 1
    for name, by in ((b"meta", more), (b"iprp", more), (b"ipco", len(box)), (b"ipma", 1)):
        place = grown.index(name) - 4
        struct.pack_into(">I", grown, place, struct.unpack_from(">I", grown, place)[0] + by)
    iloc = grown.index(b"iloc")
    offset = grown.index(b"mdat") + 4
    assert struct.unpack_from(">I", grown, iloc + 18)[0] == offset - more
    struct.pack_into(">I", grown, iloc + 18, offset)
    return bytes(grown)


def test_an_avif_is_cropped_to_its_clean_aperture() -> None:
    whole = saved(scene(), "AVIF", speed=9, quality=100, subsampling="4:4:4")
    aperture = struct.pack(">IIIIiIiI", 61, 1, 40, 1, -19, 2, 10, 1)
    picture = read(with_aperture(whole, aperture))
    assert (picture.width, picture.height) == (61, 40)
    expected = resized(Image.open(BytesIO(whole)).crop((20, 30, 81, 70)))
    assert np.abs(picture.pixels.astype(int) - expected).mean() < 1
    outside = struct.pack(">IIIIiIiI", 500, 1, 40, 1, 0, 1, 0, 1)
    assert (read(with_aperture(whole, outside)).width, read(whole).width) == (120, 120)


def test_an_avif_with_broken_exif_is_decoded_and_suspect() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    intact = saved(scene(), "AVIF", speed=9, exif=exif.tobytes())
    start = intact.index(b"mdat")
    block = min(at for at in (intact.find(b"II*\0", start), intact.find(b"MM\0*", start)) if at >= 0)
    broken = intact[: block - 4] + b"\0\xff\xff\xff" + intact[block:]
    picture = read(broken)
    assert picture.suspect == "its EXIF metadata is broken"
    assert np.array_equal(picture.pixels, read(intact).pixels)


def test_damage_beside_a_jpeg_thumbnail_is_damage() -> None:
    """Cameras store a JPEG thumbnail beside the HEVC image, which says nothing about the image."""
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    intact = heic(scene(), exif=exif.tobytes())
    named = intact.index(b"Exif", intact.index(b"iinf"))
    beside = intact[:named] + b"jpeg" + intact[named + 4 :]
    assert read(beside).format == "heif"
    config = beside.index(b"hvcC") + 4
    assert refusal(beside[: config + 30] + bytes(60) + beside[config + 90 :]).reason is RejectReason.DAMAGED

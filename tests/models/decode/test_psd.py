"""Photoshop documents: only the flattened image is shown, and every packed row is checked."""

import struct
from collections.abc import Iterable

import numpy as np
import pytest
from PIL import Image

from models.decode.reason import RejectReason
from models.native.rows import first_bad_row
from models.picture import Picture, Recipe, read_picture
from tests.support.decode import refusal
from tests.support.image_samples import reason_of, scene

WIDTH, HEIGHT = 120, 80
EXACT = Recipe(HEIGHT, WIDTH, "squash", "bicubic", 0)
SCENE = np.asarray(scene(WIDTH, HEIGHT))
SPARE = np.asarray(scene(WIDTH, HEIGHT, 2).convert("L"))
GREY, BITMAP, INDEXED, RGB, CMYK, INKS = 1, 0, 2, 3, 4, 7


def packed(row: bytes) -> bytes:
    """Return PackBits with all its features: a run of two if the row starts with one, no-ops, literal packets of 50."""
    run = b"\xff" + row[:1] if row[:1] == row[1:2] else b""
    rest = row[2:] if run else row
    packets = [bytes([len(part) - 1]) + part for part in (rest[at : at + 50] for at in range(0, len(rest), 50))]
    return run + b"\x80" + b"".join(packets)


def document(
    planes: Iterable[np.ndarray],
    mode: int = RGB,
    *,
    layers: int = 0,
    merged: bool = True,
    coding: int = 1,
    depth: int = 8,
    exif: bytes = b"",
) -> bytes:
    """Return a document; `planes`: uint8 [height, bytes of a row] each."""
    stored = [plane.astype(np.uint8) for plane in planes]
    width = stored[0].shape[1] * 8 // depth
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, len(stored), len(stored[0]), width, depth, mode)
    palette = bytes(range(256)) * 3 if mode == INDEXED else b""
    version = struct.pack(">IB4x", 1, merged)  # of an odd length, so that it is filled up
    resources = (
        b"8BIM\x04\x04\x03abc\0\0\0\1x\0" + struct.pack(">4sHHI", b"8BIM", 1057, 0, len(version)) + version + b"\0"
    )
    if exif:
        resources += struct.pack(">4sHHI", b"8BIM", 1058, 0, len(exif)) + exif + bytes(len(exif) % 2)
    info = struct.pack(">Ih", 2, layers) if layers else b""
    sections = b"".join(struct.pack(">I", len(part)) + part for part in (palette, resources, info))
    rows = [(packed if coding == 1 else bytes)(row.tobytes()) for plane in stored for row in plane]
    table = struct.pack(f">{len(rows)}H", *map(len, rows)) if coding == 1 else b""
    return head + sections + struct.pack(">H", coding) + table + b"".join(rows)


def channels(pixels: np.ndarray) -> list[np.ndarray]:
    return list(pixels.transpose(2, 0, 1))


def read(data: bytes, recipe: Recipe = EXACT) -> Picture:
    return read_picture(data, recipe)


@pytest.mark.parametrize("coding", [0, 1])
@pytest.mark.parametrize("layers", [0, 3])
@pytest.mark.parametrize("spare", [0, 1, 2])
def test_extra_channels_are_not_shown(spare: int, layers: int, coding: int) -> None:
    picture = read(document([*channels(SCENE), *[SPARE] * spare], layers=layers, coding=coding))
    assert np.array_equal(picture.pixels, SCENE)
    assert picture.suspect == ""


@pytest.mark.parametrize("layers", [0, -2])
def test_extra_channels_of_other_modes_are_not_shown(layers: int) -> None:
    grey = read(document([SCENE[..., 0], SPARE], GREY, layers=layers)).pixels
    assert np.array_equal(grey, np.repeat(SCENE[..., :1], 3, 2))
    inks = Image.fromarray(SCENE).convert("CMYK")
    stored = [255 - plane for plane in channels(np.asarray(inks))]
    assert np.array_equal(read(document([*stored, SPARE], CMYK, layers=layers)).pixels, np.asarray(inks.convert("RGB")))


def test_a_set_bit_is_black() -> None:
    bits = np.packbits(SPARE < 100, axis=1)
    shown = read(document([bits], BITMAP, depth=1)).pixels
    assert np.array_equal(shown[..., 0], np.where(SPARE < 100, 0, 255))


@pytest.mark.parametrize("spare", [0, 1])
def test_the_blend_with_white_is_undone(spare: int) -> None:
    alpha = SPARE.astype(int)[..., None]
    laid = 255 - ((255 - SCENE.astype(int)) * alpha + 127) // 255
    data = document([*channels(laid), SPARE, *[SPARE] * spare], layers=-1)
    assert abs(read(data).pixels.astype(int) - laid).max() <= 1
    on_black = Recipe(HEIGHT, WIDTH, "squash", "bicubic", 0, background=(0, 0, 0))
    whole = SPARE > 60  # where little shows, little is known of its colour
    expected = SCENE * (alpha / 255)
    assert abs(read(data, on_black).pixels - expected)[whole].max() <= 2


def test_alpha_of_other_writers_is_composited_on_white() -> None:
    straight = document([*channels(SCENE), SPARE], layers=-1)
    expected = Image.new("RGB", (WIDTH, HEIGHT), "white")
    expected.paste(Image.fromarray(SCENE), mask=Image.fromarray(SPARE))
    assert np.array_equal(read(straight).pixels, np.asarray(expected))


def test_a_document_without_a_flattened_image_is_unsupported() -> None:
    planes = channels(SCENE)
    rejection = refusal(document(planes, layers=2, merged=False))
    assert (rejection.reason, rejection.detail) == (
        RejectReason.UNSUPPORTED,
        "Photoshop document without a flattened image",
    )
    for intact in (document(planes, layers=2), document(planes, merged=False)):  # of no layers it is all that there is
        assert np.array_equal(read(intact).pixels, SCENE)


@pytest.mark.parametrize("spare", [0, 1])
def test_every_packed_row_is_checked(spare: int) -> None:
    intact = document([*channels(SCENE), *[SPARE] * spare])
    row = packed(SPARE[-1].tobytes() if spare else SCENE[-1, :, 2].tobytes())
    assert intact.endswith(row)
    last = f"row {HEIGHT - 1} of channel {3 + spare} does not unpack to {WIDTH} bytes"
    for changed in (
        b"\x80" * len(row),  # nothing
        b"\xfe" + row[1:],  # other packets
        row[:-1].replace(b"\x80", b"\x80\x80", 1),  # one pixel less
        bytes(len(row)),
    ):
        assert len(changed) == len(row)
        rejection = refusal(intact[: -len(row)] + changed)
        assert (rejection.reason, rejection.detail) == (RejectReason.DAMAGED, last)


def test_rows_that_are_too_long_are_damage() -> None:
    """Rows of twice the width, as in a fuzzed file, which Pillow decodes to another image."""
    wide = document(channels(np.concatenate([SCENE, SCENE], axis=1)))
    rejection = refusal(wide[:18] + struct.pack(">I", WIDTH) + wide[22:])
    assert (rejection.reason, rejection.detail) == (
        RejectReason.DAMAGED,
        f"row 0 of channel 1 does not unpack to {WIDTH} bytes",
    )


@pytest.mark.parametrize("coding", [0, 1])
def test_a_document_cut_in_extra_channels_is_truncated(coding: int) -> None:
    intact = document([*channels(SCENE), SPARE, SPARE], layers=1, coding=coding)
    for keep in (len(intact) - 1, len(intact) - 2000, len(intact) // 2, 200, 90, 40):
        assert reason_of(lambda keep=keep: read(intact[:keep])) == RejectReason.TRUNCATED, keep


def test_lost_sectors_of_raw_planes_are_suspect_with_their_row() -> None:
    width, height = 500, 400
    noise = np.asarray(Image.effect_noise((width, height), 80)).clip(1)
    intact = document([noise] * 3, coding=0)
    start = len(intact) - noise.size * 3
    assert read(intact).suspect == ""
    for at in (40960, 245760, 4096 * 48):  # in the first plane, in the second, and from the first into the second
        plane, row = divmod((at - start) // width, height)
        assert plane == (at == 245760)
        assert read(intact[:at] + bytes(4096) + intact[at + 4096 :]).suspect == f"4096 zero bytes from row {row} of 400"
    black = noise.copy()
    black[300:] = 0
    assert read(document([noise, noise, black], coding=0)).suspect == ""
    assert read(intact[:90000] + b"abc" + intact[90000:]).suspect == "3 bytes more than its header says"
    assert read(intact + b"\0").suspect == ""


@pytest.mark.parametrize("coding", [2, 3])
def test_zip_compression_is_unsupported(coding: int) -> None:
    assert refusal(document(channels(SCENE), coding=coding)).reason is RejectReason.UNSUPPORTED
    assert refusal(document(channels(SCENE), coding=coding + 9)).reason is RejectReason.DAMAGED


def test_multiple_channels_are_unsupported_and_one_is_grey() -> None:
    assert refusal(document([SPARE] * 3, INKS)).detail == "Photoshop document with multiple channels"
    assert np.array_equal(read(document([SPARE], INKS)).pixels[..., 0], SPARE)


def test_a_short_palette_is_damage() -> None:
    intact = document([SPARE], INDEXED)
    assert np.array_equal(read(intact).pixels[..., 0], SPARE)
    short = intact[:26] + struct.pack(">I", 765) + intact[30:795] + intact[798:]
    assert (refusal(short).reason, refusal(short).detail) == (RejectReason.DAMAGED, "a palette of 765 bytes")


def test_rows_outside_the_data_are_bad() -> None:
    row = packed(bytes(range(100)))
    starts, lengths = np.array([0, len(row)]), np.array([len(row), len(row)])
    assert first_bad_row(row * 2, starts, lengths, 100, 0) == -1
    assert first_bad_row(row * 2, starts + 2, lengths, 100, 0) == 0
    for away in (1, -(2**62), 2**62):
        assert first_bad_row(row * 2, starts + np.array([0, away]), lengths, 100, 0) == 1
    assert first_bad_row(row * 2, starts, lengths - np.array([0, 2**62]), 100, 0) == 1
    with pytest.raises(ValueError, match="int64"):
        first_bad_row(row, starts, lengths[:1], 100, 0)


@pytest.mark.parametrize("coding", [0, 1])
@pytest.mark.parametrize("spare", [0, 1])
def test_sixteen_bit_channels_are_shown_by_their_high_bytes(coding: int, spare: int) -> None:
    low = np.random.default_rng(3).integers(0, 256, SCENE.shape).astype(np.uint16)
    deep = ((SCENE.astype(np.uint16) << 8) | low).astype(">u2")
    planes = [np.ascontiguousarray(plane).view(np.uint8) for plane in [*channels(deep), *[deep[:, :, 0]] * spare]]
    picture = read(document(planes, coding=coding, depth=16))
    assert (picture.width, picture.height, picture.suspect) == (WIDTH, HEIGHT, "")
    assert np.array_equal(picture.pixels, SCENE)


def test_exif_of_a_photoshop_document_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0110] = 6, "Canon", "EOS R6"
    picture = read(document(channels(SCENE), exif=exif.tobytes().removeprefix(b"Exif\0\0")))
    assert (picture.width, picture.height, picture.camera) == (HEIGHT, WIDTH, "Canon EOS R6")

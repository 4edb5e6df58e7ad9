"""SGI: every packed row is followed, and lost parts of raw ones are suspected."""

import struct

import numpy as np
import pytest
from PIL import Image

from models.decode.reason import RejectReason
from models.picture import DecodeError, Picture, Recipe, read_picture
from tests.support.image_samples import reason_of, saved, scene

WIDTH, HEIGHT = 120, 80
EXACT = Recipe(HEIGHT, WIDTH, "squash", "bicubic", 0)
SCENE = np.asarray(scene(WIDTH, HEIGHT))
TABLE = 512


def row_of(pixels: bytes, each: int) -> bytes:
    """Literal packets of 50 pixels, the last ones as runs of one, and the end; a unit is as wide as a pixel."""
    step = 50 * each
    whole = len(pixels) // step * step
    count = "B" if each == 1 else ">H"
    literal = (struct.pack(count, 0x80 | 50) + pixels[at : at + step] for at in range(0, whole, step))
    runs = (struct.pack(count, 1) + pixels[at : at + each] for at in range(whole, len(pixels), each))
    return b"".join([*literal, *runs, bytes(each)])


def packed(pixels: np.ndarray, each: int = 1) -> bytes:
    """`pixels`: uint8 [height, width, channels]."""
    height, width, channels = pixels.shape
    head = struct.pack(">HBBHHHH", 474, 1, each, 3 if channels > 1 else 2, width, height, channels).ljust(TABLE, b"\0")
    planes = pixels[::-1].transpose(2, 0, 1).astype(np.uint16) * 257
    stored = planes.astype(">u2") if each == 2 else planes.astype(np.uint8)
    rows = [row_of(row.tobytes(), each) for plane in stored for row in plane]
    lengths = [len(row) for row in rows]
    first = TABLE + 8 * len(rows)
    starts = [first + sum(lengths[:index]) for index in range(len(rows))]
    return head + struct.pack(f">{2 * len(rows)}I", *starts, *lengths) + b"".join(rows)


def read(data: bytes) -> Picture:
    return read_picture(data, EXACT)


def refusal(data: bytes) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        read(data)
    return caught.value


def put(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


@pytest.mark.parametrize("each", [1, 2])
def test_packed_rows_are_read(each: int) -> None:
    picture = read(packed(SCENE, each))
    assert np.array_equal(picture.pixels, SCENE)
    assert picture.suspect == ""
    assert reason_of(lambda: read(packed(SCENE[..., :1], each))) == "ok"


@pytest.mark.parametrize("each", [1, 2])
def test_a_packed_row_that_is_too_short_or_too_long_is_damage(each: int) -> None:
    sound = packed(SCENE, each)
    index = HEIGHT + 7  # of the second channel, the eighth row from below
    (start,) = struct.unpack_from(">I", sound, TABLE + 4 * index)
    count = start + each - 1
    for value in (0, 0x80 | 49, 0x80 | 51):
        unfit = refusal(put(sound, count, bytes([value])))
        words = f"row {HEIGHT - 8} of channel 2 does not unpack to {WIDTH} pixels"
        assert (unfit.reason, unfit.detail) == (RejectReason.DAMAGED, words)
    lost = (start + 4095) // 4096 * 4096
    assert refusal(put(sound, lost, bytes(4096))).reason is RejectReason.DAMAGED


def test_a_row_past_the_end_is_named() -> None:
    sound = packed(SCENE)
    unfit = refusal(put(sound, TABLE + 4 * 2, struct.pack(">I", len(sound) - 3)))
    assert (unfit.reason, unfit.detail) == (RejectReason.TRUNCATED, f"row {HEIGHT - 3} of channel 1 is past the end")
    unfit = refusal(sound[:-1])
    assert (unfit.reason, unfit.detail) == (RejectReason.TRUNCATED, "row 0 of channel 3 is past the end")
    assert refusal(sound[: TABLE + 100]).detail == "the data ends within the row table"
    assert refusal(sound[:99]).reason is RejectReason.NOT_IMAGE


def test_lost_parts_of_raw_planes_are_suspected_with_their_row() -> None:
    noise = Image.fromarray(np.asarray(Image.effect_noise((500, 400), 80).convert("RGB")).clip(1))
    sound = saved(noise, "SGI")
    assert read(sound).suspect == ""
    for at in (40960, 245760):
        highest = (at + 4095 - TABLE) // 500 % 400
        words = f"4096 zero bytes from row {399 - highest} of 400"
        assert read(put(sound, at, bytes(4096))).suspect == words
    tail = read(put(sound, 550_700, bytes(len(sound) - 550_700))).suspect
    assert tail == f"{len(sound) - 550_700} zero bytes from row 0 of 400"
    assert read(sound + b"more").suspect == "4 bytes more than its header says"
    assert refusal(sound[:-1]).reason is RejectReason.TRUNCATED


@pytest.mark.parametrize("width", [256, 512, 1024, 4096])
def test_black_bars_of_a_texture_are_no_loss_though_they_fill_sectors(width: int) -> None:
    bright = np.asarray(Image.effect_noise((width, 96), 80)).clip(1)
    barred = np.zeros((128, width, 3), np.uint8)
    barred[8:104] = bright[..., None]
    assert read(saved(Image.fromarray(barred), "SGI")).suspect == ""
    assert read(saved(Image.fromarray(barred[..., 0]), "SGI")).suspect == ""
    full = np.concatenate([bright, bright[:32]])
    sound = saved(Image.fromarray(full), "SGI")
    assert read(sound).suspect == ""
    assert "4096 zero bytes" in read(put(sound, 16384, bytes(4096))).suspect


def test_a_bar_in_three_planes_is_no_lost_tail() -> None:
    noise = np.asarray(Image.effect_noise((500, 400), 80).convert("RGB")).clip(1)
    barred = noise.copy()
    barred[:40] = 0
    barred[40, 250:, 2] = 0  # blue begins to be black a little before the others
    assert read(saved(Image.fromarray(barred), "SGI")).suspect == ""

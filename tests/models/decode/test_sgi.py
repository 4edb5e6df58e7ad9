"""SGI: every packed row is checked, and lost parts of raw ones are suspect."""

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
    """Return literal packets of 50 pixels, the last ones as runs of one, and the end; a unit is one pixel."""
    step = 50 * each
    whole = len(pixels) // step * step
    count = "B" if each == 1 else ">H"
    literal = (struct.pack(count, 0x80 | 50) + pixels[at : at + step] for at in range(0, whole, step))
    runs = (struct.pack(count, 1) + pixels[at : at + each] for at in range(whole, len(pixels), each))
    return b"".join([*literal, *runs, bytes(each)])


def packed(pixels: np.ndarray, each: int = 1) -> bytes:
    """Return a packed file; `pixels`: uint8 [height, width, channels]."""
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
def test_packed_rows_are_decoded(each: int) -> None:
    picture = read(packed(SCENE, each))
    assert np.array_equal(picture.pixels, SCENE)
    assert picture.suspect == ""
    assert reason_of(lambda: read(packed(SCENE[..., :1], each))) == "ok"


@pytest.mark.parametrize("each", [1, 2])
def test_a_packed_row_that_is_too_short_or_too_long_is_damage(each: int) -> None:
    intact = packed(SCENE, each)
    index = HEIGHT + 7  # of the second channel, the eighth row from below
    (start,) = struct.unpack_from(">I", intact, TABLE + 4 * index)
    count = start + each - 1
    for value in (0, 0x80 | 49, 0x80 | 51):
        rejection = refusal(put(intact, count, bytes([value])))
        message = f"row {HEIGHT - 8} of channel 2 does not unpack to {WIDTH} pixels"
        assert (rejection.reason, rejection.detail) == (RejectReason.DAMAGED, message)
    lost = (start + 4095) // 4096 * 4096
    assert refusal(put(intact, lost, bytes(4096))).reason is RejectReason.DAMAGED


def test_a_row_past_the_end_is_truncated() -> None:
    intact = packed(SCENE)
    rejection = refusal(put(intact, TABLE + 4 * 2, struct.pack(">I", len(intact) - 3)))
    assert (rejection.reason, rejection.detail) == (
        RejectReason.TRUNCATED,
        f"row {HEIGHT - 3} of channel 1 is past the end",
    )
    rejection = refusal(intact[:-1])
    assert (rejection.reason, rejection.detail) == (RejectReason.TRUNCATED, "row 0 of channel 3 is past the end")
    assert refusal(intact[: TABLE + 100]).detail == "the data ends within the row table"
    assert refusal(intact[:99]).reason is RejectReason.NOT_IMAGE


def test_lost_parts_of_raw_planes_are_suspect_with_their_row() -> None:
    noise = Image.fromarray(np.asarray(Image.effect_noise((500, 400), 80).convert("RGB")).clip(1))
    intact = saved(noise, "SGI")
    assert read(intact).suspect == ""
    for at in (40960, 245760):
        highest = (at + 4095 - TABLE) // 500 % 400
        message = f"4096 zero bytes from row {399 - highest} of 400"
        assert read(put(intact, at, bytes(4096))).suspect == message
    tail = read(put(intact, 550_700, bytes(len(intact) - 550_700))).suspect
    assert tail == f"{len(intact) - 550_700} zero bytes from row 0 of 400"
    assert read(intact + b"more").suspect == "4 bytes more than its header says"
    assert refusal(intact[:-1]).reason is RejectReason.TRUNCATED


@pytest.mark.parametrize("width", [256, 512, 1024, 4096])
def test_black_bars_that_fill_sectors_are_accepted(width: int) -> None:
    bright = np.asarray(Image.effect_noise((width, 96), 80)).clip(1)
    barred = np.zeros((128, width, 3), np.uint8)
    barred[8:104] = bright[..., None]
    assert read(saved(Image.fromarray(barred), "SGI")).suspect == ""
    assert read(saved(Image.fromarray(barred[..., 0]), "SGI")).suspect == ""
    full = np.concatenate([bright, bright[:32]])
    intact = saved(Image.fromarray(full), "SGI")
    assert read(intact).suspect == ""
    assert "4096 zero bytes" in read(put(intact, 16384, bytes(4096))).suspect


def test_a_black_bar_in_three_planes_is_accepted() -> None:
    noise = np.asarray(Image.effect_noise((500, 400), 80).convert("RGB")).clip(1)
    barred = noise.copy()
    barred[:40] = 0
    barred[40, 250:, 2] = 0  # blue begins to be black a little before the others
    assert read(saved(Image.fromarray(barred), "SGI")).suspect == ""

"""Portable maps have no redundancy, so that what looks lost is suspect."""

import numpy as np
import pytest
from PIL import Image

from models.decode.reason import RejectReason
from models.picture import Recipe, read_picture
from tests.support.image_samples import reason_of, saved

GREY = Image.fromarray(np.asarray(Image.effect_noise((500, 400), 80)).clip(1))
DEEP = Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257)
BITS = GREY.point(lambda value: 255 * (value > 170)).convert("1")


def suspicion(data: bytes) -> str:
    return read_picture(data, Recipe(32, 32)).suspect


def rgb48(image: Image.Image) -> bytes:
    return b"P6 %d %d\n65535\n" % image.size + (np.asarray(image).astype(">u2") * 257).tobytes()


@pytest.mark.parametrize(
    ("intact", "row"),
    [
        (saved(GREY, "PPM"), 500),
        (saved(DEEP, "PPM"), 1000),
        (saved(GREY.convert("RGB"), "PPM"), 1500),
        (rgb48(GREY.convert("RGB").resize((250, 200))), 1500),
        (saved(BITS, "PPM"), 63),
    ],
)
def test_lost_sectors_are_suspect_with_their_row(intact: bytes, row: int) -> None:
    assert suspicion(intact) == ""
    height = (len(intact) - 9) // row
    start = len(intact) - row * height
    lost = intact[:8192] + bytes(4096) + intact[12288:]
    message = suspicion(lost).split(" zero bytes from ")
    assert 4096 <= int(message[0]) < 4106
    assert message[1] in (f"row {(8192 - start) // row} of {height}", f"row {(8191 - start) // row} of {height}")
    assert reason_of(lambda: suspicion(intact[:-1])) == RejectReason.TRUNCATED


def test_a_tail_of_zeros_is_suspect() -> None:
    intact = saved(GREY, "PPM")
    assert "zero bytes from row" in suspicion(intact[:150_200] + bytes(len(intact) - 150_200))


def test_data_after_the_image_is_suspect_unless_it_is_another_image() -> None:
    intact = saved(GREY, "PPM")
    for more in (intact, b"\n", b"\n\n" + intact):
        assert suspicion(intact + more) == ""
    assert suspicion(intact[:9000] + b"xyz\x80" + intact[9000:]) == "4 bytes more than its header says"


def test_white_at_the_end_of_a_page_is_accepted() -> None:
    page = BITS.copy()
    page.paste(255, (0, 200, 500, 400))
    page.paste(0, (0, 199, 500, 200))  # a rule, of which the last row ends a little earlier
    page.paste(0, (0, 200, 250, 201))
    assert suspicion(saved(page, "PPM")) == ""

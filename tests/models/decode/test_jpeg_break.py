"""An image that breaks, an image with a blank end, and data after an image."""

import re

import numpy as np
import pytest
from PIL import Image, ImageDraw

from models.decode.jpeg.checks import CLEAR_BREAK_SCORE, describe_trailer
from models.decode.jpeg.entropy import JpegWalk, walk_jpeg
from models.decode.reason import RejectReason
from models.picture import Picture, read_picture
from tests.models.decode.test_jpeg_walk import LIMIT, PICTURE, RECIPE, textured
from tests.support.image_samples import saved

WIDTH, HEIGHT = PICTURE.size


def walked(image: Image.Image, **options: object) -> JpegWalk:
    found = walk_jpeg(saved(image, "JPEG", **{"quality": 90, **options}), LIMIT)
    assert found is not None
    return found


def shown(image: Image.Image, **options: object) -> Picture:
    return read_picture(saved(image, "JPEG", **{"quality": 90, **options}), RECIPE)


def broken_at(row: int, column: int, shift: tuple[int, int, int], mcu: int = 16) -> Image.Image:
    """Return the image as a wrong DC leaves it: everything after (row, column) of MCUs is shifted."""
    pixels = np.asarray(PICTURE.convert("YCbCr")).astype(int)
    after = np.zeros((HEIGHT, WIDTH, 1), int)
    after[(row + 1) * mcu :] = 1
    after[row * mcu : (row + 1) * mcu, column * mcu :] = 1
    moved = (pixels + after * np.array(shift)).clip(0, 255).astype(np.uint8)
    return Image.fromarray(moved, "YCbCr").convert("RGB")


@pytest.mark.parametrize("shift", [(20, 0, 0), (-24, 0, 0), (0, 16, 0), (8, -10, 6)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 75}])
def test_a_break_is_reported_at_its_row(shift: tuple[int, int, int], options: dict[str, object]) -> None:
    image = broken_at(9, 11, shift)
    assert walked(image, **options).break_score > CLEAR_BREAK_SCORE
    result = shown(image, **options).suspect
    found = re.fullmatch(r"the image breaks at row (\d+) of 304 \(brightness or colours shift\)", result)
    assert found, result
    assert int(found[1]) == 9 * 16


def test_a_break_in_grey_and_without_subsampling() -> None:
    assert walked(broken_at(16, 20, (20, 0, 0), 8).convert("L")).break_row == 16 * 8
    assert walked(broken_at(16, 20, (20, 0, 0), 8), subsampling=0).break_row == 16 * 8


def test_edges_of_the_image_are_not_a_break() -> None:
    framed = PICTURE.copy()
    draw = ImageDraw.Draw(framed)
    draw.rectangle((0, 0, WIDTH, 31), "black")
    draw.rectangle((0, 272, WIDTH, HEIGHT), "white")
    draw.rectangle((96, 96, 255, 191), "navy")  # a window on the grid of MCUs
    slope = Image.linear_gradient("L").resize((WIDTH, HEIGHT)).convert("RGB")
    tilted = PICTURE.rotate(2, fillcolor="white")
    panels = Image.new("RGB", (400, 304), "white")
    panels.paste(PICTURE.crop((0, 0, 400, 144)), (0, 160))
    for image in (framed, slope, tilted, panels, textured(seed=8)):
        for quality in (60, 90):
            assert walked(image, quality=quality).break_score < CLEAR_BREAK_SCORE
            assert shown(image, quality=quality).suspect == ""


@pytest.mark.parametrize("soft", [2, 3, 5])
@pytest.mark.parametrize("fall", [5, 9, 13, 17])
def test_a_sloping_horizon_is_not_a_break(fall: int, soft: int) -> None:
    """Like a break it follows two rows with a step between them, but it continues within the blocks."""
    down, right = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    for top in range(142, 158, 2):
        ground = 1 / (1 + np.exp((top + fall * (1 - right / WIDTH) - down) / soft))
        pixels = np.asarray(PICTURE) * 0.5 + 60 + ground[..., None] * np.array((50, 0, -50))
        horizon = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        assert walked(horizon, quality=85, subsampling=0).break_score < CLEAR_BREAK_SCORE


@pytest.mark.parametrize("colour", [(128, 128, 128), (0, 135, 0)])
def test_half_an_image_above_a_decoders_fill_is_suspect(colour: tuple[int, int, int]) -> None:
    half = PICTURE.copy()
    half.paste(colour, (176, 160, WIDTH, 176))
    half.paste(colour, (0, 176, WIDTH, HEIGHT))
    assert shown(half).suspect == "the image is blank from row 160 of 304"
    half.paste(colour, (0, 160, WIDTH, 176))
    assert shown(half).suspect == ""  # a whole row: as well a border


def test_a_blank_image_is_not_suspect() -> None:
    assert shown(Image.new("RGB", (200, 200), (128, 128, 128))).suspect == ""


JPEG = saved(PICTURE, "JPEG")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (b"", ""),
        (bytes(700), ""),
        (b"\xff\xff\xff", ""),
        (b"\r\n", ""),
        (saved(textured(64, 48), "JPEG"), "another image follows"),
        (bytes(100) + saved(textured(64, 48), "JPEG"), "another image follows"),
        (b"\0\0\0\x18ftypmp42" + bytes(range(256)), "other data"),
        (b"\x01\x02\x03SEFHabc\x07SEFT", "other data"),
        (b"made by hand, with love", "text"),
        (bytes(-len(JPEG) % 512) + bytes(range(1, 200)), "old disk contents"),
    ],
)
def test_known_trailers_are_noted(more: bytes, message: str) -> None:
    picture = read_picture(JPEG + more, RECIPE)
    assert picture.suspect == ""
    assert message in picture.note if message else picture.note == ""


def test_junk_after_the_image_is_suspect() -> None:
    junk = b"\x07\x91\xe2\x55" * 25
    assert (len(JPEG) + len(junk)) % 512
    picture = read_picture(JPEG + junk, RECIPE)
    assert picture.suspect == "100 bytes of unknown data follow the end of the image"
    assert describe_trailer(JPEG + junk, len(JPEG)) == (picture.suspect, False)
    assert RejectReason.DAMAGED not in picture.suspect


def test_a_damaged_preview_in_the_header_is_suspect() -> None:
    preview = saved(textured(160, 120), "JPEG")
    middle = len(preview) // 2
    wrong = preview[:middle] + b"\xff\0" * 6 + preview[middle + 12 :]

    def holding(small: bytes) -> Picture:
        body = b"Exif\0\0" + small
        return read_picture(JPEG[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + JPEG[2:], RECIPE)

    assert holding(preview).suspect == ""
    assert holding(preview[:middle]).suspect == ""  # it may go on elsewhere
    assert holding(wrong).suspect == "the preview in its header is damaged (bits that are not a Huffman code)"

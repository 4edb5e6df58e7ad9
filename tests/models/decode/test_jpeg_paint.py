"""The pixels of the walk equal libjpeg's; files that could make libjpeg warn are left to it."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from models.decode.jpeg.decoder import decode_jpeg
from models.decode.jpeg.entropy import walk_jpeg
from models.decode.jpeg.header import read_header
from models.recipe import Recipe
from tests.support.image_samples import saved

LIMIT = 10**8
RECIPE = Recipe(16, 16, "squash", "bilinear", 2.0)


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Return gradients, edges and noise in all three colours."""
    chance = np.random.default_rng(width * height)
    y, x = np.mgrid[:height, :width]
    planes = [(x * a + y * b) % 256 for a, b in ((1, 2), (3, 1), (0, 5))]
    noise = chance.integers(-40, 40, (height, width, 3))
    return Image.fromarray(np.clip(np.stack(planes, 2) + noise, 0, 255).astype(np.uint8)).convert(mode)


def jpeg(width: int = 200, height: int = 152, mode: str = "RGB", **options: Any) -> bytes:
    return saved(picture(width, height, mode), "JPEG", **{"quality": 90, **options})


def painted(data: bytes, eighths: int) -> np.ndarray | None:
    walk = walk_jpeg(data, LIMIT, eighths)
    assert walk is not None
    if walk.pixels is None:
        return None
    channels, width, height, pixels = walk.pixels
    return np.frombuffer(pixels, np.uint8).reshape(height, width, channels)[:, :, :3]


def libjpeg(data: bytes, width: int, height: int, colours: str = "RGB") -> np.ndarray:
    """Decode exactly, without smoothing subsampled colours."""
    exact = {"fastdct": False, "fastupsample": True}
    return simplejpeg.decode_jpeg(data, colours, min_height=height, min_width=width, min_factor=2, **exact)


@pytest.mark.parametrize("size", [(200, 152), (8, 8), (1, 1), (17, 33), (95, 203), (1001, 7)])
@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0", "grey"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("eighths", [1, 2, 4, 8])
def test_pixels_equal_those_of_libjpeg(size: tuple[int, int], sampling: str, progressive: bool, eighths: int) -> None:
    options: dict[str, Any] = {"mode": "L"} if sampling == "grey" else {"subsampling": sampling}
    data = jpeg(*size, progressive=progressive, restart_marker_blocks=0 if progressive else 5, **options)
    ours = painted(data, eighths)
    assert ours is not None
    high, wide = ours.shape[:2]
    theirs = libjpeg(data, wide, high, "GRAY" if sampling == "grey" else "RGB")
    assert theirs.shape == ours.shape == (-(-size[1] * eighths // 8), -(-size[0] * eighths // 8), theirs.shape[2])
    assert abs(theirs.astype(int) - ours).max() <= 3


def test_vertical_subsampling_is_supported() -> None:
    """4:4:0 is the result of a lossless rotation of 4:2:2; Pillow cannot write it."""
    data = simplejpeg.encode_jpeg(np.asarray(picture(160, 96)), 90, "RGB", "440")
    ours = painted(data, 1)
    assert ours is not None
    assert abs(libjpeg(data, 20, 12).astype(int) - ours).max() <= 3


def test_other_colour_spaces_are_left_to_libjpeg() -> None:
    assert painted(jpeg(mode="CMYK"), 1) is None
    assert painted(jpeg(keep_rgb=True), 1) is None
    assert painted(jpeg(), 3) is None
    assert painted(jpeg(), 16) is None


@pytest.mark.parametrize(
    ("at", "patch"),
    [
        (2, b"\xff\0\xff\0"),  # bytes between segments
        (2, b"\xff\xe0\0\x10JFIF\0\2\1\0\0\1\0\1\0\0"),
        (2, b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"),  # RGB, says Adobe
        (2, b"\xff\xe2\0\x12ICC_PROFILE\0\1\2ab"),  # and no second part
        (-2, b"\xff\xd3"),
        (-2, b"\0\0"),
        (-2, b"\xff\xe1\0\4xx"),
    ],
)
def test_files_that_may_make_libjpeg_warn_are_left_to_it(at: int, patch: bytes) -> None:
    intact = jpeg()
    at %= len(intact)
    data = intact[:at] + patch + intact[at:]
    assert decode_jpeg(intact, RECIPE, LIMIT).decoder == "walk"
    assert not read_header(data).is_ordinary(data) or painted(data, 1) is None


def test_damaged_files_are_never_decoded_by_the_walk() -> None:
    """Cuts and flipped bits about which libjpeg warns are never decoded by the walk."""
    intact = jpeg(subsampling="4:2:0")
    scan = read_header(intact).scan + 14
    for at in range(scan, len(intact) - 2, 97):
        data = intact[:at] + bytes([intact[at] ^ 0x10]) + intact[at + 1 :]
        if painted(data, 1) is not None:
            simplejpeg.decode_jpeg(data, strict=True)
    assert painted(intact[: len(intact) // 2], 1) is None


def test_a_large_image_is_shrunk_by_averaging() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = jpeg(808, 600, exif=exif.tobytes())
    raster = decode_jpeg(data, RECIPE, LIMIT)
    assert (raster.decoder, raster.image.size, raster.orientation) == ("walk", (101, 75), 6)
    exact = Image.open(BytesIO(data)).convert("RGB").resize((101, 75), Image.Resampling.BOX)
    assert abs(np.asarray(exact, int) - np.asarray(raster.image)).mean() < 3

"""Each row of the table: both samples are read as that format, with the same pixels as in Pillow."""

import subprocess
import sys
from contextlib import suppress
from io import BytesIO

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from models.decode.formats import FORMAT_BY_EXTENSION, FORMATS, Format, identify_format
from models.picture import DECODERS, DecodeError, Picture, Recipe, read_picture
from tests.support.image_samples import SPECIMENS, specimen

EXACT = Recipe(48, 64, "squash", "bicubic", 0)
SCALED = Recipe(48, 64, "squash", "bicubic", 1.0)
CASES = [(row.name, which) for row in FORMATS for which in (0, 1)]


def plain(data: bytes) -> Image.Image:
    """Return the result of Image.open as RGB."""
    pillow_heif.register_heif_opener()
    with Image.open(BytesIO(data)) as image:
        if image.mode.startswith("I;16"):
            return Image.fromarray(np.rint(np.asarray(image) / 257).astype(np.uint8)).convert("RGB")
        return image.convert("RGB")


def decibels(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the PSNR."""
    error = float(np.mean((ours.astype(float) - theirs) ** 2))
    return 99.0 if error == 0 else 10 * np.log10(255**2 / error)


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)
def test_every_format_has_a_decoder_extensions_and_samples(row: Format) -> None:
    assert row.load_decoder() is DECODERS[row.name]
    assert row.extensions
    assert all(extension == extension.lower() and "." not in extension for extension in row.extensions)
    assert len(SPECIMENS[row.name]) == 2


def test_names_and_extensions_are_unique() -> None:
    assert len({row.name for row in FORMATS}) == len(FORMATS) == len(SPECIMENS)
    assert len(FORMAT_BY_EXTENSION) == sum(len(row.extensions) for row in FORMATS)


def test_the_table_imports_no_decoder() -> None:
    code = "import sys, models.decode.formats; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"PIL", "numpy", "models.decode.raster"} & set(loaded)


@pytest.mark.parametrize(("name", "which"), CASES)
def test_each_sample_is_read_as_its_format(name: str, which: int) -> None:
    picture = read_picture(specimen(name, which), EXACT)
    shown = plain(specimen(name, which))
    assert isinstance(picture, Picture)
    assert picture.format == name
    assert (picture.width, picture.height) == shown.size
    assert picture.pixels.shape == (48, 64, 3)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags.c_contiguous


@pytest.mark.parametrize(("name", "which"), CASES)
def test_same_pixels_as_plain_pillow(name: str, which: int) -> None:
    data = specimen(name, which)
    expected = np.asarray(plain(data).resize((64, 48), Image.Resampling.BICUBIC))
    assert decibels(read_picture(data, EXACT).pixels, expected) > 50
    assert decibels(read_picture(data, SCALED).pixels, expected) > 38


@pytest.mark.parametrize("name", sorted(SPECIMENS))
def test_only_one_detector_matches(name: str) -> None:
    for which in (0, 1):
        assert [row.name for row in FORMATS if row.detect(specimen(name, which))] == [name]


@pytest.mark.parametrize("name", sorted(SPECIMENS))
def test_detectors_accept_files_of_a_few_bytes(name: str) -> None:
    for length in range(40):
        with suppress(DecodeError):
            identify_format(specimen(name)[:length])


def test_notes_tell_of_further_frames_and_pages() -> None:
    assert read_picture(specimen("gif", 1), EXACT).note == "animated, 3 frames"
    assert read_picture(specimen("gif", 0), EXACT).note == ""
    pages = BytesIO()
    first = plain(specimen("tiff", 1))
    first.save(pages, "TIFF", save_all=True, append_images=[first.rotate(90)])
    assert read_picture(pages.getvalue(), EXACT).note == "first of 2 pages"

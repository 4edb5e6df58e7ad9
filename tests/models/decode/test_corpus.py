"""Real files: intact ones are accepted, damaged ones are rejected with a reason."""

import random
import time
from collections import Counter
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from models.decode.reason import RejectReason
from models.picture import Recipe, read_picture
from tests.models.decode.test_formats import decibels
from tests.support.image_samples import reason_of

RECIPE = Recipe(128, 128, "squash", "bilinear", 2.0)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def verdict(data: bytes) -> str:
    return reason_of(lambda: read_picture(data, RECIPE))


@pytest.fixture(scope="module")
def verdicts(corpus: Path) -> dict[str, str]:
    """Return the result of each file by path. Anything but a Picture or a DecodeError is an error."""
    found = {}
    for path in files(corpus):
        begin = time.monotonic()
        found[str(path.relative_to(corpus))] = verdict(path.read_bytes())
        assert time.monotonic() - begin < 10, path
    return found


def test_every_file_gives_an_image_or_a_reason(verdicts: dict[str, str]) -> None:
    seen = Counter(verdicts.values())
    assert seen.keys() <= {"ok", *RejectReason}
    assert seen["ok"] > 600


def test_intact_files_are_accepted(verdicts: dict[str, str]) -> None:
    rejected = [
        Path(name).name
        for name, word in verdicts.items()
        if word != "ok" and name.startswith(("photo/", "screenshot/", "meme/", "exif/", "camera/"))
    ]
    # Published as damaged: a suite of broken files, and one whose frame header says 200 x 0.
    assert all(name.startswith("ImageTestSuite__") or name == "beach.jpg" for name in rejected), rejected
    assert len(rejected) == 24


def test_nothing_is_printed_on_the_terminal(corpus: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for path in [*files(corpus / "formats" / "tif"), *files(corpus / "edge_pillow")]:
        verdict(path.read_bytes())
    assert capfd.readouterr().err == ""


def test_broken_files_are_rejected(corpus: Path) -> None:
    for name in ("png/PngSuite__xd9n2c08.png", "tif/ImageTestSuite__m1-f4830e8d4fa458f78a09fcaaf260569c.tif"):
        assert verdict((corpus / "formats" / name).read_bytes()) in (RejectReason.DAMAGED, RejectReason.CHECKSUM)
    assert verdict((corpus / "edge_pillow" / "decompression_bomb.ico").read_bytes()) == RejectReason.PIXELS
    muttered = corpus / "edge_pillow" / "crash-0da013a13571cc8eb457a39fee8db18f8a3c7127.tif"
    assert verdict(muttered.read_bytes()) == RejectReason.DAMAGED  # Pillow shows it, libtiff says "Bad code word"


def test_same_pixels_as_a_full_decode_in_pillow(corpus: Path) -> None:
    exact = Recipe(128, 128, "squash", "bicubic", 0)
    shrunk = Recipe(128, 128, "squash", "bicubic", 2.0)
    for folder in ("photo", "screenshot", "meme"):
        for path in files(corpus / folder)[::15]:
            data = path.read_bytes()
            with Image.open(BytesIO(data)) as opened:
                upright = ImageOps.exif_transpose(opened)
                ground = Image.new("RGBA", upright.size, "white")
                ground.alpha_composite(upright.convert("RGBA"))
            expected = np.asarray(ground.convert("RGB").resize((128, 128), Image.Resampling.BICUBIC))
            assert decibels(read_picture(data, exact).pixels, expected) > 55, path
            assert decibels(read_picture(data, shrunk).pixels, expected) > 34, path


def test_damage_to_photos_is_detected(corpus: Path) -> None:
    """Nearly all damage is detected, except single flipped bits, which only the history of a file reveals."""
    rng = random.Random(1)
    found: Counter[str] = Counter()
    sample = files(corpus / "photo")[::6]
    for path in sample:
        data = path.read_bytes()
        size, at = len(data), rng.randrange(len(data) // 5, len(data) * 3 // 4)
        damages = {
            "cut": data[: size // 2],
            "tail": data[: size * 9 // 10] + bytes(size - size * 9 // 10),
            "sector": data[:at] + bytes(4096) + data[at + 4096 :],
            "dropped": data[:at] + data[at + 512 :],
            "overwritten": data[:at] + rng.randbytes(512) + data[at + 512 :],
        }
        found.update(kind for kind, broken in damages.items() if verdict(broken) != "ok")
    assert min(found[kind] for kind in ("cut", "tail", "sector", "dropped", "overwritten")) >= 0.93 * len(sample), found

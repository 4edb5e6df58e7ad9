"""The sample collection contains readable files of every format, copies, and one of each kind of damage."""

from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from models.decode.reason import RejectReason
from models.picture import Recipe, read_picture
from tests.support.image_samples import reason_of
from tools.samples import main, make_samples

SMALL = Recipe(32, 32, scaled_jpeg=1.0)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    make_samples(folder, 56, seed=3)
    return folder


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def verdict(data: bytes) -> str:
    return reason_of(lambda: read_picture(data, SMALL))


def test_each_damage_has_its_reason(samples: Path) -> None:
    verdicts = {path.name: verdict(path.read_bytes()) for path in files(samples)}
    assert Counter(word for word in verdicts.values() if word != "ok") == {
        RejectReason.TRUNCATED: 1,
        RejectReason.DAMAGED: 2,
        RejectReason.CHECKSUM: 1,
        RejectReason.NOT_IMAGE: 2,
        RejectReason.EMPTY: 1,
        RejectReason.PIXELS: 1,
    }
    assert verdicts["bomb.png"] == RejectReason.PIXELS
    assert verdicts["IMG_0001 cut.jpg"] == RejectReason.TRUNCATED


def test_every_common_format_and_exact_copies(samples: Path) -> None:
    intact = [path.read_bytes() for path in files(samples) if path.parent.name != "Recovered"]
    formats = {read_picture(data, SMALL).format for data in intact}
    assert formats >= {"jpeg", "png", "webp", "gif", "tiff", "bmp", "heif"}
    assert len({sha256(data).digest() for data in intact}) < len(intact)
    assert any(not path.as_posix().isascii() for path in files(samples))


def test_the_same_seed_gives_the_same_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        assert main([str(tmp_path / name), "--count", "30", "--seed", "9"]) == 0
    one, two = files(tmp_path / "one"), files(tmp_path / "two")
    assert [path.name for path in one] == [path.name for path in two]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(one, two, strict=True) if a.suffix != ".heic")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "8 damaged" in lines[0]

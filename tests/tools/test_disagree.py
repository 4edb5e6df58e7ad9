"""The tool that asks others: what it lists is what it says."""

from pathlib import Path

import numpy as np
from PIL import Image

from tools.bench.other_validators import VALIDATORS
from tools.disagree import PASSED, REJECTED, refusals, validate

PILLOW = tuple(rival for rival in VALIDATORS if rival.name == "Pillow load")


def test_ours_and_theirs_of_the_same_files(tmp_path: Path) -> None:
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (90, 120, 3), np.uint8))
    picture.save(tmp_path / "sound one.png")
    data = (tmp_path / "sound one.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "words.png").write_text("no picture")
    sound, cut = validate(tmp_path / "sound one.png"), validate(tmp_path / "cut.png")
    assert validate(tmp_path / "words.png") is None
    assert sound is not None
    assert cut is not None
    assert (sound.verdict, sound.apart, cut.verdict, cut.apart) == (PASSED, 0, REJECTED, None)
    assert refusals([sound, cut], PILLOW) == {sound.path: (1, 0), cut.path: (1, 1)}

"""tools.disagree compares catalogd's results with those of other validators."""

from pathlib import Path

import numpy as np
from PIL import Image

from tools.bench.other_validators import VALIDATORS
from tools.disagree import PASSED, REJECTED, refusals, validate

PILLOW = tuple(validator for validator in VALIDATORS if validator.name == "Pillow load")


def test_results_of_catalogd_and_of_others(tmp_path: Path) -> None:
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (90, 120, 3), np.uint8))
    picture.save(tmp_path / "sound one.png")
    data = (tmp_path / "sound one.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.png").write_text("no picture")
    sound, cut = validate(tmp_path / "sound one.png"), validate(tmp_path / "cut.png")
    assert validate(tmp_path / "text.png") is None
    assert sound is not None
    assert cut is not None
    assert (sound.verdict, sound.apart, cut.verdict, cut.apart) == (PASSED, 0, REJECTED, None)
    assert refusals([sound, cut], PILLOW) == {sound.path: (1, 0), cut.path: (1, 1)}

"""`catalog train --views`: labelled files are read again, changed, embedded and learned from; nothing else changes."""

import json
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from catalog.cli.main import cli
from tests.support.running_service import Household

COUNT = 24


def shot(seed: int, bad: bool) -> bytes:
    """Soft colours, reddish if it is one to delete."""
    grid = np.random.default_rng(seed).integers(60, 200, (4, 4, 3))
    grid[:, :, 0 if bad else 2] = np.minimum(255, grid[:, :, 0 if bad else 2] + 50)
    buffer = BytesIO()
    Image.fromarray(grid.astype(np.uint8)).resize((48, 32), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    made = Household(tmp_path)
    root = Path(os.fsdecode(made.root))
    for number in range(COUNT):
        (root / f"{'ab'[number % 2]}{number:02}.png").write_bytes(shot(number, bad=number % 2 == 1))
    assert made.once().returncode == 0
    for word, kind in (("keep", "a"), ("delete", "b")):
        assert call(made, "label", word, *map(str, sorted(root.glob(f"{kind}*.png")))).exception is None
    yield made
    made.close()


def call(house: Household, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(house.config_path), *arguments])


def test_views_of_what_is_still_there_and_unchanged(house: Household) -> None:
    root = Path(os.fsdecode(house.root))
    (root / "a00.png").unlink()
    (root / "b01.png").write_bytes(shot(900, bad=False))  # other bytes than those that were labelled
    (root / "b03.png").write_bytes(b"no picture any more")
    before = house.rows("SELECT count(*), max(seq) FROM vector")
    result = call(house, "train", "--views", "4", "--json")
    assert result.exception is None, result.output
    told = json.loads(result.stdout)
    assert told["labels"] == COUNT and told["views"] == 4 * (COUNT - 3)
    assert told["figures"]["auc"][0] > 0.9
    assert house.rows("SELECT count(*), max(seq) FROM vector") == before  # views are learned from once, and not kept
    assert house.rows("SELECT count(*) FROM label WHERE held_out IS NOT NULL") == [(COUNT,)]
    assert "84 augmented views" in call(house, "train", "--views", "4").stdout


def test_without_views_no_file_is_read(house: Household) -> None:
    for path in Path(os.fsdecode(house.root)).glob("*.png"):
        path.unlink()
    told = json.loads(call(house, "train", "--json").stdout)
    assert told["views"] == 0 and told["figures"]["auc"][0] > 0.9


def test_views_of_nothing_are_none(house: Household) -> None:
    for path in Path(os.fsdecode(house.root)).glob("*.png"):
        path.unlink()
    told = json.loads(call(house, "train", "--views", "2", "--json").stdout)
    assert told["views"] == 0 and told["labels"] == COUNT

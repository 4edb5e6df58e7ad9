"""`catalog train --views`: training on augmented views of the labelled files."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.running_service import RunningService

COUNT = 24


def smooth_image(seed: int, reddish: bool) -> bytes:
    """Reddish images are deleted, bluish ones kept."""
    grid = np.random.default_rng(seed).integers(60, 200, (4, 4, 3))
    grid[:, :, 0 if reddish else 2] = np.minimum(255, grid[:, :, 0 if reddish else 2] + 50)
    buffer = BytesIO()
    Image.fromarray(grid.astype(np.uint8)).resize((48, 32), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    made = RunningService(tmp_path)
    root = made.path()
    for number in range(COUNT):
        (root / f"{'ab'[number % 2]}{number:02}.png").write_bytes(smooth_image(number, reddish=number % 2 == 1))
    assert made.once().returncode == 0
    for label, kind in (("keep", "a"), ("delete", "b")):
        assert made.invoke("label", label, *map(str, sorted(root.glob(f"{kind}*.png")))).exception is None
    yield made
    made.close()


def test_only_files_that_are_present_and_unchanged_have_views(service: RunningService) -> None:
    root = service.path()
    (root / "a00.png").unlink()
    (root / "b01.png").write_bytes(smooth_image(900, reddish=False))  # not the bytes that were labelled
    (root / "b03.png").write_bytes(b"not an image")
    before = service.rows("SELECT count(*), max(seq) FROM vector")
    result = service.invoke("train", "--views", "4", "--json")
    assert result.exception is None, result.output
    record = json.loads(result.stdout)
    assert record["labels"] == COUNT and record["views"] == 4 * (COUNT - 3)
    assert record["figures"]["auc"][0] > 0.9
    assert service.rows("SELECT count(*), max(seq) FROM vector") == before  # views are not stored
    assert service.rows("SELECT count(*) FROM label WHERE held_out IS NOT NULL") == [(COUNT,)]
    assert "84 augmented views" in service.invoke("train", "--views", "4").stdout


def test_training_without_views_reads_no_file(service: RunningService) -> None:
    for path in service.path().glob("*.png"):
        path.unlink()
    record = json.loads(service.invoke("train", "--json").stdout)
    assert record["views"] == 0 and record["figures"]["auc"][0] > 0.9


def test_training_without_any_readable_file_has_no_views(service: RunningService) -> None:
    for path in service.path().glob("*.png"):
        path.unlink()
    record = json.loads(service.invoke("train", "--views", "2", "--json").stdout)
    assert record["views"] == 0 and record["labels"] == COUNT

"""Tests of `catalog export`: the manifest links each vector to its files, their hashes and the model."""

import hashlib
import json
from pathlib import Path

import numpy as np

from catalog.errors import ResourceError
from tests.support.running_service import RunningService, picture


def test_every_row_lists_its_files_and_their_hash(tmp_path: Path) -> None:
    service = RunningService(tmp_path)
    root = service.path()
    for seed in range(5):
        (root / f"{seed}.png").write_bytes(picture(seed))
    (root / "copy.png").write_bytes(picture(3))
    assert service.once().returncode == 0
    manifest, array = tmp_path / "manifest.jsonl", tmp_path / "vectors.npy"
    assert service.invoke("export", "--manifest", manifest, "--vectors", array).exception is None
    header, *rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    vectors = np.load(array)
    assert vectors.shape == (5, 48) and vectors.dtype == np.float16
    assert (header["model"]["name"], header["dims"]) == ("tiny", 48)
    assert [row["row"] for row in rows] == list(range(5))
    assert sum(len(row["paths"]) for row in rows) == 6
    for row in rows:
        assert {hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in row["paths"]} == {row["sha256"]}
        ((stored,),) = service.rows("SELECT data FROM vector WHERE id = ?", row["vector"])
        assert stored == vectors[row["row"]].tobytes()


def test_a_failed_export_leaves_no_files(tmp_path: Path) -> None:
    service = RunningService(tmp_path)
    service.path("1.png").write_bytes(picture(1))
    assert service.once().returncode == 0
    manifest = tmp_path / "manifest.jsonl"
    result = service.invoke("export", "--manifest", manifest, "--vectors", tmp_path / "nowhere" / "v.npy")
    assert isinstance(result.exception, ResourceError)
    assert not manifest.exists() and not list(tmp_path.glob("*.new"))

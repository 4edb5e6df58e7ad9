"""The default bundle finds changed copies of real images."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("imagehash", reason="the benchmark compares with imagehash")

from tools.bench.model import CHANGES, HASHES, load_bench_bundle, make_queries, markdown, measure
from tools.bench.recall import mean_recall


@pytest.mark.slow
def test_changed_copies_are_found(bundle_folder: Path, real_files: Path) -> None:
    bundle = load_bench_bundle(bundle_folder)
    paths = [path for name in ("photo", "meme", "screenshot") for path in sorted((real_files / name).iterdir())[::25]]
    queries = map(partial(make_queries, bundle.side, bundle.filter), paths)
    files = [file for file in queries if file is not None]
    assert len(files) > 10
    figures = measure(bundle, files, 2)
    assert len(CHANGES) == 19
    assert figures["mean"]["model"] >= 0.96
    assert figures["mean"]["similar"] >= max(0.98, figures["mean"]["model"])
    assert figures["mean"]["model"] > max(figures["mean"][name] for name in HASHES)
    text = markdown({**figures, "files": {"used": 1, "undecodable": 0, "repeated": 0}, "images/s": {}})
    assert text.count("\n| ") >= 20


def test_tied_entries_share_the_hit() -> None:
    similarity = np.array([[1, 1, 0], [0, 1, 0], [1, 0, 0.5]], np.float32)
    assert mean_recall(similarity) == pytest.approx((0.5 + 1 + 0) / 3)


def test_nan_is_no_hit() -> None:
    assert mean_recall(np.full((2, 2), np.nan, np.float32)) == 0


def test_a_damaged_file_is_skipped(tmp_path: Path, bundle_folder: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    bundle = load_bench_bundle(bundle_folder)
    assert make_queries(bundle.side, bundle.filter, tmp_path / "a.jpg") is None

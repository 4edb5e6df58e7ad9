"""The GPU benchmark runs on a CPU, and reports a missing GPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.bundle.folder import load_bundle
from models.runtime.provider import CPU, has_gpu
from models.runtime.session import Session
from tests.support.running_service import picture
from tests.support.tiny_bundle import SIDE, write_tiny_bundle
from tools.bench.pipeline_rates import Loader, pipeline_rate

HOME = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a bundle that has a golden, five JPEGs, and a truncated one."""
    folder = tmp_path_factory.mktemp("bench")
    write_tiny_bundle(folder / "bundle", {"golden.png": picture(-1)})
    (folder / "jpegs").mkdir()
    for number in range(5):
        (folder / "jpegs" / f"{number}.jpg").write_bytes(picture(number, "JPEG"))
    (folder / "jpegs" / "cut.jpg").write_bytes(picture(9, "JPEG")[:200])
    return folder


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.bench.gpu", "--bundles", str(folder / "bundle"), "--workers", "2"]
    command += ["--pictures", str(folder / "jpegs"), "--seconds", "0.2", "--rounds", "2", *arguments]
    return subprocess.run(command, cwd=HOME, capture_output=True, text=True, timeout=110)


def test_it_measures_everything_on_a_cpu(folder: Path) -> None:
    done = bench(folder, "--provider", "cpu", "--json")
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert row["runs_on"] == f"{CPU}, batches of 8" and row["goldens"].startswith("attested")
    assert row["cosine"] == pytest.approx(1, abs=1e-5)
    assert min(row["loader"], row["model_alone"], row["pipeline"], row["ratio"], row["megabytes"]) > 0
    assert "ONNX Runtime" in done.stderr
    if not has_gpu():
        assert "no GPU was found" in done.stderr


@pytest.mark.skipif(has_gpu(), reason="this machine has an NVIDIA device")
def test_it_names_the_remedy_without_a_gpu(folder: Path) -> None:
    done = bench(folder, "--no-tests")
    assert (done.returncode, done.stdout) == (4, "")
    assert "no GPU was found" in done.stderr and "catalogd[cuda]" in done.stderr


def test_a_rejected_image_is_an_error(folder: Path) -> None:
    class Broken(Session):
        def run(self, pixels: np.ndarray) -> np.ndarray:
            raise RuntimeError("CUDA error 700")

    bundle = load_bundle(folder / "bundle")
    loader = Loader(bundle, [os.fsencode(path) for path in sorted((folder / "jpegs").iterdir())], 1)
    try:
        read = list(loader.read(6))
        assert [pixels.shape for pixels in read] == [(SIDE, SIDE, 3)] * 5
        with pytest.raises(RuntimeError, match=r"5 images were not embedded: CUDA error 700"):
            pipeline_rate(Broken(bundle, provider="cpu"), bundle, loader, 6)
    finally:
        loader.close()

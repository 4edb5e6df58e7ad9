"""The network runs as its bundle says, on the requested provider."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.bundle.folder import Bundle, BundleError, load_bundle
from models.runtime import provider as room
from models.runtime.provider import CPU, has_gpu
from models.runtime.session import ProviderError, Session
from tests.support.tiny_bundle import DIMS, SIDE, reference_vectors, write_tiny_bundle

gpu = has_gpu()


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, SIDE, SIDE, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def bound(tiny: Bundle) -> Session:
    """Return a session with fixed buffers, as on a GPU."""
    return Session(tiny, provider="cpu", threads=1, bound=True)


@pytest.mark.parametrize("kind", ["session", "bound"])
@pytest.mark.parametrize("count", [1, 7, 8, 9, 40])
def test_unit_vectors_are_in_the_order_of_the_images(kind: str, count: int, request: pytest.FixtureRequest) -> None:
    vectors = request.getfixturevalue(kind).run(pixels(count))
    assert vectors.shape == (count, DIMS)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, reference_vectors(pixels(count)), atol=1e-5)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_bound_vectors_are_copies_equal_to_a_plain_run(session: Session, bound: Session) -> None:
    first = bound.run(pixels(8))
    kept = first.copy()
    second = bound.run(255 - pixels(8))
    assert np.array_equal(first, kept)
    assert np.array_equal(first, session.run(pixels(8)))
    assert np.array_equal(second, session.run(255 - pixels(8)))


def test_bound_batches_have_one_size(tiny: Bundle) -> None:
    session = Session(tiny, provider="cpu", threads=1, batch=6, bound=True)
    wide = Cramped(session._session, 100)
    session._session = wide
    for count in (1, 6, 7, 20):
        assert np.allclose(session.run(pixels(count)), reference_vectors(pixels(count)), atol=1e-5)
    assert set(wide.sizes) == {6}


def test_threads_share_a_bound_session(bound: Session) -> None:
    counts = [1, 3, 8, 17] * 8
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda count: bound.run(pixels(count)), counts))
    for count, vectors in zip(counts, found, strict=True):
        assert np.allclose(vectors, reference_vectors(pixels(count)), atol=1e-5)


def test_a_bound_session_refuses_other_shapes(bound: Session) -> None:
    with pytest.raises(ValueError, match="dimension"):
        bound.run(np.zeros((8, 3, SIDE, SIDE), np.uint8))
    with pytest.raises(ValueError, match="type"):
        bound.run(pixels(8).astype(np.float32))


def test_a_configured_batch_is_used(tiny: Bundle) -> None:
    session = Session(tiny, provider="cpu", threads=1, batch=3)
    cramped = Cramped(session._session, 100)
    session._session = cramped
    session.run(pixels(7))
    assert (session.batch, cramped.sizes) == (3, [3, 3, 1])


def test_failures_are_raised(session: Session) -> None:
    with pytest.raises(Exception, match=r"(?i)dimension"):
        session.run(np.zeros((2, SIDE + 1, SIDE, 3), np.uint8))
    with pytest.raises(Exception, match=r"(?i)type"):
        session.run(pixels(1).astype(np.float32))


def test_a_vector_without_direction_is_a_failure(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    for bad in (0.0, float("nan"), float("inf")):
        monkeypatch.setattr(session, "_run", lambda part, bad=bad: np.full((len(part), DIMS), bad, np.float32))
        with pytest.raises(ValueError, match="without direction"):
            session.run(pixels(2))


def test_a_bundle_with_wrong_shapes_is_refused(tmp_path: Path, tiny: Bundle) -> None:
    with pytest.raises(BundleError, match=f"gives {DIMS} numbers, its bundle says 7"):
        Session(load_bundle(write_tiny_bundle(tmp_path / "tiny", dims=7)), provider="cpu")
    with pytest.raises(BundleError, match="its bundle says 64 x 32"):
        Session(replace(tiny, recipe=tiny.recipe._replace(width=64)), provider="cpu")


def test_a_truncated_graph_is_refused(tmp_path: Path, tiny: Bundle) -> None:
    cut = tmp_path / "model.onnx"
    cut.write_bytes(tiny.graph.read_bytes()[:-40])
    with pytest.raises(BundleError, match=r"model\.onnx cannot be loaded.*catalog model use"):
        Session(replace(tiny, graph=cut), provider="cpu")


# As ONNX Runtime says it: where an arena cannot grow, where it may not, where CUDA or a library of it has none left.
NO_ROOM = [
    "bfc_arena.cc:376 BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 8388608000",
    "bfc_arena.cc:376 BFCArena::AllocateRawInternal Available memory of 0 is smaller than requested bytes of 135383040",
    "CUDA failure 2: out of memory ; GPU=0 ; hostname=nas",
    "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0",
    "std::bad_alloc",
]


class Cramped:
    """A session that runs out of memory above `room` images per call."""

    def __init__(self, live: Any, room: int, word: str = NO_ROOM[0]) -> None:
        self.live, self.room, self.word, self.sizes = live, room, word, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.live, name)

    def run(self, outputs: Any, given: dict[str, np.ndarray]) -> Any:
        self.enter(len(next(iter(given.values()))))
        return self.live.run(outputs, given)

    def run_with_iobinding(self, binding: Any, options: Any = None) -> None:
        self.enter(binding.get_outputs()[0].shape()[0])
        self.live.run_with_iobinding(binding, options)

    def enter(self, size: int) -> None:
        self.sizes.append(size)
        if size > self.room:
            raise RuntimeError(self.word)


@pytest.mark.parametrize("word", NO_ROOM)
@pytest.mark.parametrize("bound", [False, True])
def test_batches_shrink_when_memory_runs_out(tiny: Bundle, bound: bool, word: str) -> None:
    session = Session(tiny, provider="cpu", threads=1, bound=bound)
    cramped = Cramped(session._session, 3, word)
    session._session = cramped
    assert np.allclose(session.run(pixels(20)), reference_vectors(pixels(20)), atol=1e-5)
    assert session.batch == 2 and "memory ran out" in session.warning
    del cramped.sizes[:]
    session.run(pixels(20))
    assert max(cramped.sizes) == 2  # learned: the large one is not tried again


def test_one_image_that_does_not_fit_is_a_failure(tiny: Bundle) -> None:
    session = Session(tiny, provider="cpu", threads=1)
    session._session = Cramped(session._session, 0)
    with pytest.raises(RuntimeError, match="allocate"):
        session.run(pixels(3))


def test_the_cpu_is_used_on_request(session: Session) -> None:
    assert session.provider == CPU
    assert session.warning == ""
    assert session.batch == 8


@pytest.mark.skipif(gpu, reason="this machine has an NVIDIA device")
def test_the_cpu_is_used_without_a_gpu(tiny: Bundle) -> None:
    session = Session(tiny)
    assert (session.provider, session.warning) == (CPU, "")
    with pytest.raises(ProviderError, match=r"catalogd\[cuda\]"):
        Session(tiny, provider="cuda")
    with pytest.raises(ProviderError, match=r"no NVIDIA device.*TensorRT 10"):
        Session(tiny, provider="tensorrt")


def test_an_unused_gpu_gives_a_warning(tiny: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(room, "DEVICE_FOLDER", tmp_path)
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: [CPU])
    session = Session(tiny)
    assert session.provider == CPU
    assert "runs on the CPU" in session.warning
    assert "catalogd[cuda]" in session.warning
    assert Session(tiny, provider="cpu").warning == ""
    with pytest.raises(ProviderError, match="without CUDA"):
        Session(tiny, provider="cuda")
    with pytest.raises(ProviderError, match="without TensorRT"):
        Session(tiny, provider="tensorrt")


@pytest.mark.skipif(gpu, reason="this machine has an NVIDIA device")
@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_fails_to_start_is_not_replaced(
    tiny: Bundle, provider: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """For a device node without a driver, ONNX Runtime itself would print to stdout and continue on the CPU."""
    (tmp_path / "nvidiactl").touch()
    monkeypatch.setattr(room, "DEVICE_FOLDER", tmp_path)
    with pytest.raises(ProviderError, match="cannot run on the GPU"):
        Session(tiny, provider=provider)  # type: ignore[arg-type]
    session = Session(tiny)
    assert session.provider == CPU and "runs on the CPU" in session.warning
    assert capfd.readouterr().out == ""


def fresh(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter in the root of the repository."""
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment)


def test_nothing_is_printed_on_the_terminal(tiny: Bundle) -> None:
    code = (
        "import sys, numpy; from pathlib import Path; from models.bundle.folder import load_bundle;"
        "from models.runtime.session import Session; s = Session(load_bundle(Path(sys.argv[1])));"
        "s.run(numpy.zeros((3, 32, 32, 3), numpy.uint8))"
    )
    done = fresh(code, str(tiny.folder))
    assert (done.returncode, done.stdout) == (0, "")
    if not gpu:
        assert done.stderr == ""


def test_decoding_does_not_load_the_network_or_rare_decoders() -> None:
    done = fresh("import sys, models.picture; print(*sorted(sys.modules))")
    loaded = set(done.stdout.split())
    assert "models.decode.jpeg.decoder" in loaded
    assert not loaded & {"onnxruntime", "pillow_heif", "torch", "onnx", "PIL.TiffImagePlugin", "PIL.ImageCms"}

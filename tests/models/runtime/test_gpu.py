"""Tests on a GPU. They are skipped, with the reason, without one; `-m gpu` runs only these."""

from pathlib import Path

import numpy as np
import pytest

from models.bundle.folder import Bundle, default_folder, load_bundle
from models.runtime.attestation import attest
from models.runtime.provider import CUDA, TENSORRT, gpu_numbers, has_gpu
from models.runtime.session import ProviderError, Session
from models.runtime.session_pool import SessionPool
from tests.support.running_service import RunningService, picture
from tests.support.tiny_bundle import SIDE, reference_vectors

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not has_gpu(), reason="no NVIDIA device"),
    pytest.mark.timeout(900),  # TensorRT builds for minutes
]


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, SIDE, SIDE, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def session(tiny: Bundle) -> Session:
    return Session(tiny, provider="cuda")


def test_the_gpu_is_chosen_automatically(tiny: Bundle) -> None:
    chosen = Session(tiny)
    assert (chosen.provider, chosen.devices, chosen.warning, chosen.batch) == (CUDA, (0,), "", 64)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 300])
def test_unit_vectors_are_in_the_order_of_the_images(session: Session, count: int) -> None:
    vectors = session.run(pixels(count))
    assert np.allclose(vectors, reference_vectors(pixels(count)), atol=1e-4)
    assert np.array_equal(vectors, session.run(pixels(count)))


def test_bound_vectors_equal_those_of_a_plain_run(session: Session) -> None:
    plain = session._session.run([session._bundle.output_name], {session._bundle.input_name: pixels(64)})[0]
    assert np.allclose(session.run(pixels(64)), plain, atol=1e-6)


def test_batches_shrink_when_gpu_memory_runs_out(tiny: Bundle) -> None:
    """A megabyte is too little for 4,096 images of 12 kB each as float32."""
    session = Session(tiny, provider="cuda", memory_mb=1, batch=4096)
    assert np.allclose(session.run(pixels(5000)), reference_vectors(pixels(5000)), atol=1e-4)
    assert session.batch < 4096 and "memory ran out" in session.warning
    settled = session.batch
    session.run(pixels(5000))
    assert session.batch == settled


def test_the_shipped_model_is_attested() -> None:
    bundle = load_bundle(default_folder())
    found = attest(bundle, Session(bundle, provider="cuda"))
    assert found.ok and found.cosine > 0.999, found.message


def test_every_gpu_is_used(tiny: Bundle) -> None:
    """With one GPU, two sessions use it."""
    devices = tuple(range(len(gpu_numbers()))) if len(gpu_numbers()) > 1 else (0, 0)
    pool = SessionPool([Session(tiny, provider="cuda", device=device, batch=16) for device in devices])
    assert pool.devices == devices
    assert np.allclose(pool.run(pixels(1000)), reference_vectors(pixels(1000)), atol=1e-4)


def test_tensorrt_is_used_if_installed(tiny: Bundle, tmp_path: Path) -> None:
    try:
        session = Session(tiny, provider="tensorrt", engines=tmp_path)
    except ProviderError as error:
        pytest.skip(str(error))
    assert session.provider == TENSORRT
    assert np.allclose(session.run(pixels(100)), reference_vectors(pixels(100)), atol=1e-3)
    built = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.engine")}
    assert built
    again = Session(tiny, provider="tensorrt", engines=tmp_path)
    assert np.allclose(again.run(pixels(100)), reference_vectors(pixels(100)), atol=1e-3)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.engine")} == built


def test_the_service_embeds_on_the_gpu(tmp_path: Path) -> None:
    service = RunningService(tmp_path)
    service.config_path.write_text(service.config_path.read_text().replace('provider = "cpu"', 'provider = "cuda"'))
    for number in range(9):
        (Path(service.root.decode()) / f"{number}.png").write_bytes(picture(number))
    done = service.once()
    assert done.returncode == 0, done.stderr
    assert len(service.vectors()) == 9
    assert service.rows("SELECT provider FROM model") == [(CUDA,)]

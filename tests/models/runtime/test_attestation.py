"""Attestation names the failing step."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.bundle.folder import Bundle, default_folder, load_bundle
from models.runtime.attestation import attest
from models.runtime.session import Session
from tests.support.image_samples import saved, scene
from tests.support.tiny_bundle import write_tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    goldens = {
        "wide.jpg": saved(scene(300, 170), "JPEG", quality=95),
        "tall.png": saved(scene(90, 200, 2), "PNG"),
        "grey.jpg": saved(scene(130, 110, 3).convert("L"), "JPEG"),
    }
    return load_bundle(write_tiny_bundle(tmp_path_factory.mktemp("golden") / "tiny", goldens))


@pytest.fixture(scope="module")
def cpu_session(bundle: Bundle) -> Session:
    return Session(bundle, provider="cpu", threads=1)


def with_reference(bundle: Bundle, folder: Path, **arrays: np.ndarray) -> Bundle:
    with np.load(bundle.reference) as stored:
        np.savez(folder / "reference.npz", **({name: stored[name] for name in stored.files} | arrays))
    return replace(bundle, reference=folder / "reference.npz")


def test_an_intact_bundle_is_attested(bundle: Bundle, cpu_session: Session) -> None:
    result = attest(bundle, cpu_session)
    assert result.ok
    assert result.cosine > 0.999
    assert result.pixels > 30
    assert result.worst in {path.name for path in bundle.goldens}


def test_differing_pixels_are_reported(bundle: Bundle, cpu_session: Session) -> None:
    wrong = replace(bundle, recipe=bundle.recipe._replace(resize="pad", background=(0, 0, 0)))
    result = attest(wrong, cpu_session)
    assert not result.ok
    assert "the pixels differ" in result.message
    assert "reinstall pillow" in result.message
    assert result.pixels < 30


def test_a_differing_network_is_reported(bundle: Bundle, cpu_session: Session, tmp_path: Path) -> None:
    with np.load(bundle.reference) as stored:
        vectors = stored["vectors"][:, ::-1]
    result = attest(with_reference(bundle, tmp_path, vectors=vectors), cpu_session)
    assert not result.ok
    assert "the network differs" in result.message
    assert "onnxruntime" in result.message


def test_close_vectors_are_compared_by_unexplained_variance(bundle: Bundle, tmp_path: Path) -> None:
    """A cosine near 1 proves nothing for close vectors: an untrained network gives it with swapped colours, too."""

    class Close(Session):
        """Return the network with a large constant added."""

        swapped = False

        def run(self, pixels: np.ndarray) -> np.ndarray:
            vectors = super().run(pixels[..., ::-1].copy() if self.swapped else pixels) + 30 / np.sqrt(bundle.dims)
            return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    session = Close(bundle, provider="cpu", threads=1)
    with np.load(bundle.reference) as stored:
        pixels = stored["pixels"]
    alike = with_reference(bundle, tmp_path, vectors=session.run(pixels))
    assert attest(alike, session).ok
    session.swapped = True
    result = attest(alike, session)
    assert result.cosine > 0.999
    assert not result.ok
    assert "of the differences between the goldens is lost" in result.message
    assert "the network differs" in result.message


def test_an_unreadable_golden_is_a_failure(bundle: Bundle, cpu_session: Session, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(bundle.goldens[0].read_bytes()[:-40])
    result = attest(replace(bundle, goldens=(broken, *bundle.goldens[1:])), cpu_session)
    assert not result.ok
    assert "truncated" in result.message
    assert not attest(replace(bundle, goldens=()), cpu_session).ok


def test_the_shipped_bundle_is_attested() -> None:
    shipped = load_bundle(default_folder())
    result = attest(shipped, Session(shipped, provider="cpu"))
    assert result.ok, result.message

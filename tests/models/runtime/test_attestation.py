"""The goldens accuse the right step."""

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
def live(bundle: Bundle) -> Session:
    return Session(bundle, provider="cpu", threads=1)


def with_reference(bundle: Bundle, folder: Path, **arrays: np.ndarray) -> Bundle:
    with np.load(bundle.reference) as stored:
        np.savez(folder / "reference.npz", **({name: stored[name] for name in stored.files} | arrays))
    return replace(bundle, reference=folder / "reference.npz")


def test_a_sound_bundle(bundle: Bundle, live: Session) -> None:
    said = attest(bundle, live)
    assert said.ok
    assert said.cosine > 0.999
    assert said.pixels > 30
    assert said.worst in {path.name for path in bundle.goldens}


def test_pixels_that_differ(bundle: Bundle, live: Session) -> None:
    wrong = replace(bundle, recipe=bundle.recipe._replace(resize="pad", background=(0, 0, 0)))
    said = attest(wrong, live)
    assert not said.ok
    assert "the pixels differ" in said.message
    assert "reinstall pillow" in said.message
    assert said.pixels < 30


def test_a_network_that_differs(bundle: Bundle, live: Session, tmp_path: Path) -> None:
    with np.load(bundle.reference) as stored:
        vectors = stored["vectors"][:, ::-1]
    said = attest(with_reference(bundle, tmp_path, vectors=vectors), live)
    assert not said.ok
    assert "the network differs" in said.message
    assert "onnxruntime" in said.message


def test_vectors_that_lie_close_together_are_told_apart_all_the_same(bundle: Bundle, tmp_path: Path) -> None:
    """A cosine near 1 to anything proves nothing: an untrained network gives it with red and blue swapped, too."""

    class Close(Session):
        """The same network behind a large constant."""

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
    said = attest(alike, session)
    assert said.cosine > 0.999
    assert not said.ok
    assert "of the differences between the goldens is lost" in said.message
    assert "the network differs" in said.message


def test_a_golden_that_cannot_be_read(bundle: Bundle, live: Session, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(bundle.goldens[0].read_bytes()[:-40])
    said = attest(replace(bundle, goldens=(broken, *bundle.goldens[1:])), live)
    assert not said.ok
    assert "truncated" in said.message
    assert not attest(replace(bundle, goldens=()), live).ok


def test_the_shipped_bundle_is_attested_here() -> None:
    shipped = load_bundle(default_folder())
    said = attest(shipped, Session(shipped, provider="cpu"))
    assert said.ok, said.message

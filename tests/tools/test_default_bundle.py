"""The embedded bundle matches its description, and gives PyTorch's vectors."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray


@pytest.fixture(scope="module")
def description(bundle_folder: Path) -> dict[str, Any]:
    """Return the description of the bundle."""
    read: dict[str, Any] = json.loads((bundle_folder / "bundle.json").read_text())
    return read


@pytest.fixture(scope="module")
def session(bundle_folder: Path, description: dict[str, Any]) -> onnxruntime.InferenceSession:
    """The graph on the CPU."""
    return onnxruntime.InferenceSession(bundle_folder / description["graph"], providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def reference(bundle_folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The goldens' pixels and vectors."""
    arrays = np.load(bundle_folder / "goldens" / "reference.npz")
    return arrays["pixels"], arrays["vectors"]


def embed(session: onnxruntime.InferenceSession, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    vectors: NDArray[np.float32] = session.run(None, {"image": pixels})[0]
    return vectors


def test_the_description_fits_the_graph(bundle_folder: Path, description: dict[str, Any]) -> None:
    data = (bundle_folder / description["graph"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == description["graph_sha256"]
    assert len(data) <= 6_000_000


def test_input_and_output_are_as_described(description: dict[str, Any], session: onnxruntime.InferenceSession) -> None:
    (image,), (vector,) = session.get_inputs(), session.get_outputs()
    assert image.name == description["input"]["name"] and image.type == "tensor(uint8)"
    assert isinstance(image.shape[0], str), "the batch is dynamic"
    assert image.shape[1:] == [description["input"]["height"], description["input"]["width"], 3]
    assert vector.name == description["output"]["name"] and vector.shape[1] == description["dims"]


def test_the_graph_names_no_source_files(bundle_folder: Path, description: dict[str, Any]) -> None:
    data = (bundle_folder / description["graph"]).read_bytes()
    # A whole file name: three bytes such as ".py" occur among five million of weights by chance, in every fourth file.
    assert not re.search(rb"site-packages|/tools/|stack_trace|[\w/]{3}\.py\b", data)


def test_goldens_exist_and_are_small(bundle_folder: Path, description: dict[str, Any]) -> None:
    files = [bundle_folder / "goldens" / name for name in description["goldens"]]
    assert all(file.is_file() for file in files)
    assert sum(file.stat().st_size for file in (bundle_folder / "goldens").iterdir()) < 600_000


def test_goldens_are_reproduced(
    description: dict[str, Any],
    session: onnxruntime.InferenceSession,
    reference: tuple[NDArray[np.uint8], NDArray[np.float32]],
) -> None:
    pixels, vectors = reference
    assert len(pixels) == len(vectors) == len(description["goldens"])
    assert np.sum(embed(session, pixels) * vectors, 1).min() >= 0.9999


def test_goldens_differ_from_each_other(reference: tuple[NDArray[np.uint8], NDArray[np.float32]]) -> None:
    """Goldens with equal vectors would attest nothing."""
    cosines = reference[1] @ reference[1].T
    assert (cosines - np.eye(len(cosines))).max() < 0.9


def test_plain_pillow_gives_the_goldens_pixels(
    bundle_folder: Path, description: dict[str, Any], reference: tuple[NDArray[np.uint8], NDArray[np.float32]]
) -> None:
    from tools.default_model.reference import reference_pixels

    for name, pixels in zip(description["goldens"], reference[0], strict=True):
        made = reference_pixels(bundle_folder / "goldens" / name, description["input"]["height"])
        # JPEG decoders may differ by a rounding from one version of Pillow to the next.
        assert np.abs(made.astype(int) - pixels).max() <= 3, name


def test_vectors_are_units_whatever_the_batch(
    session: onnxruntime.InferenceSession, reference: tuple[NDArray[np.uint8], NDArray[np.float32]]
) -> None:
    pixels = reference[0]
    together = embed(session, pixels)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([embed(session, pixels[at : at + 1]) for at in range(len(pixels))])
    assert np.sum(alone * together, 1).min() > 0.99999


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
def test_flat_pictures_have_vectors(session: onnxruntime.InferenceSession, level: int) -> None:
    vector = embed(session, np.full((1, 128, 128, 3), level, np.uint8))
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_a_mirrored_picture_has_nearly_the_same_vector(
    session: onnxruntime.InferenceSession,
    description: dict[str, Any],
    reference: tuple[NDArray[np.uint8], NDArray[np.float32]],
) -> None:
    pixels = np.ascontiguousarray(reference[0][:, :, ::-1])
    cosines = np.sum(embed(session, pixels) * reference[1], 1)
    assert np.median(cosines) > description["near_duplicate_cosine"]

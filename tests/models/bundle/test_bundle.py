"""A bundle is loaded, or refused with a message that names the file and the remedy."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.bundle.folder import BundleError, default_folder, load_bundle
from models.recipe import Recipe
from tests.support.image_samples import saved, scene
from tests.support.tiny_bundle import DIMS, SIDE, write_tiny_bundle
from tests.support.tiny_text import write_talking_bundle


def refusal(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    return str(caught.value)


def changed(folder: Path, part: str | None, **changes: Any) -> Path:
    """Return the bundle with another description; a value of None removes the key."""
    path = folder / "bundle.json"
    result = json.loads(path.read_text())
    inner = result[part] if part else result
    inner.update(changes)
    for key in [key for key, value in changes.items() if value is None]:
        del inner[key]
    path.write_text(json.dumps(result))
    return folder


def test_every_field_is_loaded(tmp_path: Path) -> None:
    bundle = load_bundle(write_tiny_bundle(tmp_path / "tiny", {"wide.jpg": saved(scene(), "JPEG")}))
    assert (bundle.name, bundle.version, bundle.dims) == ("tiny", 1, DIMS)
    assert bundle.recipe == Recipe(SIDE, SIDE, "squash", "bicubic", 2.0, (255, 255, 255))
    assert (bundle.input_name, bundle.output_name) == ("pixels", "vector")
    assert [path.name for path in bundle.goldens] == ["wide.jpg"]
    assert bundle.near_duplicate_cosine == 0.97
    assert len(bundle.id) == 16
    assert int(bundle.id, 16) >= 0


def test_the_id_covers_only_what_changes_vectors(tmp_path: Path) -> None:
    first = load_bundle(write_tiny_bundle(tmp_path / "first")).id
    assert load_bundle(write_tiny_bundle(tmp_path / "second", licence="MIT", golden_threshold=0.99)).id == first
    for part, change in (
        ("preprocess", {"resize": "pad"}),
        ("preprocess", {"scaled_jpeg": 0}),
        ("input", {"width": 64}),
    ):
        folder = changed(write_tiny_bundle(tmp_path / str(change)), part, **change)
        assert load_bundle(folder).id != first


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        (None, {"dims": None}, "missing dims"),
        (None, {"colour": "blue"}, "unknown colour"),
        (None, {"dims": "many"}, "dims must be int"),
        (None, {"golden_threshold": "high"}, "golden_threshold must be float"),
        ("preprocess", {"resize": "stretch"}, "'stretch' is not one of squash, shortest, pad"),
        ("preprocess", {"interpolation": "magic"}, "'magic' is not one of"),
        ("preprocess", {"background": [1, 2]}, "three numbers"),
        ("input", {"layout": "NCHW"}, "'NCHW' is not one of NHWC"),
        ("output", {"name": None}, "output: missing name"),
        (None, {"goldens": ["lost.jpg"]}, "lost.jpg is missing"),
    ],
)
def test_an_invalid_description_is_refused(
    tmp_path: Path, part: str | None, change: dict[str, Any], words: str
) -> None:
    assert words in refusal(changed(write_tiny_bundle(tmp_path / "tiny"), part, **change))


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        (None, {"version": 3}, "version 3 is not one of 1, 2"),
        (None, {"source": None}, "missing source"),
        (None, {"precision": "fp64"}, "'fp64' is not one of fp32, fp16, int8"),
        (None, {"golden_decibels": "high"}, "golden_decibels must be float"),
        ("source", {"family": None}, "source: missing family"),
        ("preprocess", {"edge": [16, 16]}, "smaller than the input"),
        ("preprocess", {"edge": [64]}, "a height and a width"),
        ("preprocess", {"fill": [0, 0, 256]}, "fill must be three numbers"),
        ("preprocess", {"rounding": "up"}, "'up' is not one of down, nearest"),
    ],
)
def test_an_invalid_description_of_version_2_is_refused(
    tmp_path: Path, part: str | None, change: dict[str, Any], words: str
) -> None:
    assert words in refusal(changed(write_talking_bundle(tmp_path / "tiny"), part, **change))


def test_version_2_is_loaded(tmp_path: Path) -> None:
    folder = write_talking_bundle(tmp_path / "tiny")
    ways = {"edge": [40, 36], "rounding": "nearest", "centre": "down", "fill": [1, 2, 3], "mean": [0.5], "std": [0.5]}
    bundle = load_bundle(changed(folder, "preprocess", resize="shortest", **ways))
    assert bundle.recipe == Recipe(
        SIDE, SIDE, "shortest", "bicubic", 2.0, (255,) * 3, (40, 36), "nearest", "down", (1, 2, 3)
    )
    assert (bundle.source.family, bundle.source.revision) == ("hand", "random seed 5")
    assert (bundle.precision, bundle.golden_decibels, bundle.attested) == ("fp32", 50.0, {"cosine": 1.0})
    assert bundle.text
    assert (bundle.text.logit_scale, bundle.text.logit_bias) == (100.0, None)
    assert "unknown attested" in refusal(changed(folder, None, version=1))


def test_missing_or_altered_files_are_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "nowhere")
    assert "catalog model use" in refusal(tmp_path / "nowhere")
    assert "bundle.json is missing" in refusal(tmp_path)
    folder = write_tiny_bundle(tmp_path / "tiny")
    graph = folder / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    assert "altered or cut" in refusal(folder)
    graph.unlink()
    assert "cannot be read" in refusal(folder)
    (folder / "bundle.json").write_text("{")
    assert "cannot be read" in refusal(folder)
    (folder / "bundle.json").write_text("[]")
    assert "not a JSON object" in refusal(folder)


def test_the_shipped_bundle_loads() -> None:
    bundle = load_bundle(default_folder())
    assert bundle.id == "6b798ae09e0aa225"  # another one would cost every user an embedding of everything
    assert (bundle.version, bundle.text) == (1, None)
    assert bundle.goldens
    assert bundle.graph.stat().st_size < 6_000_000

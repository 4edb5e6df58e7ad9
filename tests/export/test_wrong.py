"""A deliberately wrong bundle is refused, and the message names the wrong step."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.bundle.folder import BundleError, load_bundle
from models.runtime.attestation import Attestation, attest
from models.runtime.session import Session
from tests.export.requirements import Made
from tools.export.describe import write_description
from tools.export.make import ExportOptions, make_bundle, write_image
from tools.export.reference import picture_vectors
from tools.export.source import ExportError, ExportSource
from tools.goldens import open_as_displayed


def copied(made: Made, folder: Path) -> Path:
    shutil.copytree(made.bundle.folder, folder)
    return folder


def redescribed(folder: Path, source: ExportSource, precision: str = "fp32", **preprocess: Any) -> Path:
    """Rewrite bundle.json so that every digest matches."""
    description = json.loads((folder / "bundle.json").read_text()) | {"precision": precision}
    description["preprocess"] |= preprocess
    write_description(folder, source, description)
    return folder


def verdict(folder: Path) -> Attestation:
    bundle = load_bundle(folder)
    return attest(bundle, Session(bundle, provider="cpu", threads=2))


class BlueFirst(torch.nn.Module):
    """A network whose maker read pictures with another library's order of colours."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, values: Any) -> Any:
        return self.network(values.flip(1))


def test_blue_first(made: Callable[[str], Made], tmp_path: Path) -> None:
    right = made("timm_vit")
    folder = copied(right, tmp_path / "wrong")
    write_image(replace(right.source, image=BlueFirst(right.source.image)), folder, "fp32")
    attestation = verdict(redescribed(folder, right.source))
    assert not attestation.ok
    assert "the network differs" in attestation.message


@pytest.mark.parametrize("family", ["timm_vit", "transformers_siglip2", "transformers_dinov3"])
def test_missing_deviation(family: str, made: Callable[[str], Made], tmp_path: Path) -> None:
    right = made(family)
    folder = copied(right, tmp_path / "wrong")
    forgetful = replace(right.source.preprocess, std=(1.0, 1.0, 1.0))
    write_image(replace(right.source, preprocess=forgetful), folder, "fp32")
    attestation = verdict(redescribed(folder, right.source))
    assert not attestation.ok
    assert "the network differs" in attestation.message


@pytest.mark.parametrize(
    ("family", "change"),
    [
        ("transformers_siglip2", {"resize": "shortest"}),  # crop for squash
        ("open_clip_clip", {"resize": "squash"}),
        ("open_clip_clip", {"resize": "pad"}),
        ("open_clip_clip", {"interpolation": "bilinear"}),
        ("open_clip_mobileclip2", {"interpolation": "bicubic"}),
        ("timm_vit", {"edge": [64, 64]}),
        ("transformers_dinov2", {"centre": "nearest"}),
        ("timm_vit", {"background": [0, 0, 0]}),
    ],
)
def test_other_pixels(family: str, change: dict[str, Any], made: Callable[[str], Made], tmp_path: Path) -> None:
    right = made(family)
    attestation = verdict(redescribed(copied(right, tmp_path / "wrong"), right.source, **change))
    assert not attestation.ok
    assert "the pixels differ" in attestation.message


def test_sixteen_bits_read_as_eight(made: Callable[[str], Made], tmp_path: Path) -> None:
    """A maker who let Pillow clip sixteen bits: white, where there is a landscape."""
    right = made("timm_vit")
    folder = copied(right, tmp_path / "wrong")
    with Image.open(folder / "goldens" / "deep.png") as deep:
        clipped = right.source.transform(deep.convert("RGB"))
    assert (right.source.transform(open_as_displayed(folder / "goldens" / "deep.png")) != clipped).any()
    with np.load(folder / "goldens" / "reference.npz") as stored:
        pixels, vectors = stored["pixels"].copy(), stored["vectors"].copy()
    row = [golden.name for golden in right.bundle.goldens].index("deep.png")
    deep_only = replace(right.source, transform=lambda _: clipped)
    pixels[row : row + 1], vectors[row : row + 1] = picture_vectors(deep_only, [folder / "goldens" / "deep.png"])
    np.savez(folder / "goldens" / "reference.npz", pixels=pixels, vectors=vectors)
    attestation = verdict(folder)
    assert not attestation.ok
    assert attestation.message.startswith("deep.png: the pixels differ")


def test_nothing_is_left_of_a_bundle_that_is_refused(made: Callable[[str], Made], tmp_path: Path) -> None:
    source = made("timm_vit").source
    squashed = replace(source.preprocess, recipe=source.preprocess.recipe._replace(resize="squash"))
    with pytest.raises(ExportError, match=r"refused: .*the pixels differ"):
        make_bundle(replace(source, preprocess=squashed), tmp_path / "out", ExportOptions(strangers=16))
    assert list(tmp_path.iterdir()) == []


def test_inaccurate_int8_is_refused(made: Callable[[str], Made], tmp_path: Path) -> None:
    source = made("timm_vit").source
    with pytest.raises(ExportError, match=r"refused: .*the network differs"):
        make_bundle(source, tmp_path / "out", ExportOptions(precision="int8", threshold=0.9999999, strangers=16))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("family", "precision"), [("timm_vit", "fp16"), ("timm_vit", "int8"), ("open_clip_clip", "fp16")]
)
def test_accurate_smaller_precisions(family: str, precision: Any, made: Callable[[str], Made], tmp_path: Path) -> None:
    right = made(family)
    before = [parameter.dtype for parameter in right.source.image.parameters()]
    folder = copied(right, tmp_path / "smaller")
    write_image(right.source, folder, precision)
    attestation = verdict(redescribed(folder, right.source, precision))
    assert attestation.ok, attestation.message
    assert (folder / "model.onnx").stat().st_size < 0.6 * right.bundle.graph.stat().st_size
    assert [parameter.dtype for parameter in right.source.image.parameters()] == before


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "model.onnx").write_bytes(b"\0"), "altered or cut"),
        (lambda folder: (folder / "tokenizer.json").unlink(), r"tokenizer\.json cannot be read"),
        (lambda folder: (folder / "text.onnx").write_bytes(b""), "altered or cut"),
        (lambda folder: (folder / "goldens" / "huge.jpg").unlink(), "cannot be attested"),
    ],
)
def test_a_damaged_bundle(
    damage: Callable[[Path], object], words: str, made: Callable[[str], Made], tmp_path: Path
) -> None:
    folder = copied(made("open_clip_clip"), tmp_path / "wrong")
    damage(folder)
    with pytest.raises(BundleError, match=words):
        load_bundle(folder)


def test_other_dims(made: Callable[[str], Made], tmp_path: Path) -> None:
    right = made("timm_vit")
    folder = copied(right, tmp_path / "wrong")
    description = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps(description | {"dims": 100}))
    with pytest.raises(BundleError, match="gives 192 numbers, its bundle says 100"):
        Session(load_bundle(folder), provider="cpu")

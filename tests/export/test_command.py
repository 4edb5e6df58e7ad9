"""The command line: a bundle from a name, a checkpoint of one's own, and errors that say what to do."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from models.bundle.folder import load_bundle
from tests.export.requirements import Made
from tools.export.__main__ import main
from tools.export.families import load_source
from tools.export.families.open_clip import _weights_options
from tools.export.source import ExportError


def test_a_bundle_from_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "small"
    words = ["timm:test_vit", "--seed", "3", "--out", str(out), "--strangers", "16", "--licence", "MIT"]
    assert main(words) == 0
    bundle = load_bundle(out)
    assert capsys.readouterr().out == f"{out}: {bundle.id}, {bundle.dims} numbers a picture\n"
    assert (bundle.name, bundle.licence, bundle.source.revision) == ("small", "MIT", "random seed 3")
    assert main(words) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("keras:resnet", "is not FAMILY:NAME with a family out of open_clip, timm"),
        ("timm", "is not FAMILY:NAME"),
        ("timm:no_such_model", "timm has no such model"),
        ("open_clip:ViT-B-32", "which weights"),
        ("uform:/nowhere", "holds none of torch_config.json"),
        ("transformers:/nowhere", "transformers cannot make"),
    ],
)
def test_what_cannot_be_had(model: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([model, "--out", str(tmp_path / "out")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("family", ["transformers_dinov2", "uform", "timm_vit"])
def test_a_checkpoint_of_ones_own(family: str, made: Callable[[str], Made], tmp_path: Path) -> None:
    """The weights of a file are those that are exported, and its digest is what the bundle names."""
    source = made(family).source
    weights = tmp_path / "weights.pt"
    if family == "uform":
        parts = {"image_encoder": source.image, "text_encoder": source.words.module.encoder}  # type: ignore[union-attr]
        torch.save({name: part.state_dict() for name, part in parts.items()}, weights)
    elif family == "timm_vit":
        torch.save(source.image.state_dict(), weights)
    else:
        torch.save(source.image.model.state_dict(), weights)
    if family == "timm_vit":
        with pytest.raises(ExportError, match="do not fit"):
            load_source("timm:vit_tiny_patch16_224", weights, None)
        return
    folder = made(family).bundle.folder.parent / "source"
    again = load_source(f"{family.split('_')[0]}:{folder}", weights, None)
    assert again.revision.startswith("weights.pt sha256:")
    values = torch.rand(2, 3, again.preprocess.recipe.height, again.preprocess.recipe.width)
    with torch.inference_mode():
        assert torch.equal(again.image(values), source.image(values))


def test_a_checkpoint_gets_the_preprocessing_of_its_kind(tmp_path: Path) -> None:
    """open_clip keeps it with the published tags: a file alone would get CLIP's."""
    siglip = _weights_options("ViT-B-16-SigLIP2", "webli", tmp_path, None)
    assert siglip == {
        "pretrained": str(tmp_path),
        "image_mean": (0.5, 0.5, 0.5),
        "image_std": (0.5, 0.5, 0.5),
        "image_interpolation": "bicubic",
        "image_resize_mode": "squash",
    }
    assert _weights_options("ViT-B-16-SigLIP2", "", None, 1) == siglip | {"pretrained": None}
    assert _weights_options("MobileCLIP2-S0", "", None, 1)["image_interpolation"] == "bilinear"
    assert _weights_options("local-dir:/somewhere", "", None, None) == {"load_weights": True}
    with pytest.raises(ExportError, match="name the tag"):
        _weights_options("ViT-L-14", "", tmp_path, None)
    with pytest.raises(ExportError, match="ViT-B-32-quickgelu@openai"):
        _weights_options("ViT-B-32", "openai", None, None)
    assert _weights_options("ViT-B-32-quickgelu", "openai", None, None) == {"pretrained": "openai"}
    with pytest.raises(ExportError, match="knows no tag"):
        _weights_options("ViT-B-16", "nonsense", tmp_path, None)

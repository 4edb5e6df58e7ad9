"""timm: any encoder without its classifier (num_classes=0), with the evaluation transform of its weights."""

from pathlib import Path
from typing import Any

import torch

from tools.export.compose import read_compose
from tools.export.source import ExportError, ExportSource, revision


def load(name: str, weights: Path | None, seed: int | None, *, words: bool = True, **options: Any) -> ExportSource:
    """`name` as timm writes it (vit_small_patch14_dinov2.lvd142m); `options` go to timm.create_model. No `words` here.

    Raises ExportError for weights that do not fit.
    """
    import timm
    from timm.data import create_transform, resolve_model_data_config

    if seed is not None:
        torch.manual_seed(seed)
    try:
        model = timm.create_model(name, pretrained=weights is None and seed is None, **options)
        if weights is not None:
            timm.models.load_checkpoint(model, str(weights))
    except (RuntimeError, FileNotFoundError, ValueError) as error:
        raise ExportError(f"timm has no such model, or its weights do not fit: {error}") from error
    model.reset_classifier(0)
    settings = resolve_model_data_config(model)
    if "img_size" in options:  # of the network as it was built, not of the weights it is named after
        settings["input_size"] = (3, *model.patch_embed.img_size)
    transform = create_transform(**settings, is_training=False)
    known = model.pretrained_cfg
    published = str(known.get("tag") or known.get("hf_hub_id") or "default")
    return ExportSource(
        family="timm",
        name=name,
        revision=revision(weights, seed, published),
        image=model.eval(),
        transform=transform,
        preprocess=read_compose(transform),
        licence=str(known.get("license") or ""),
        packages=("timm", "torchvision"),
    )

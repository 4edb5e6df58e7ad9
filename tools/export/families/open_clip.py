"""open_clip: CLIP, SigLIP, SigLIP 2, MobileCLIP 2 and what else it builds from a configuration."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tools.export.compose import read_compose
from tools.export.source import ExportError, ExportSource, TextSource, revision
from tools.export.tokens import cleaning_steps, tokenizer_from_backend, tokenizer_from_simple


class ImageModule(nn.Module):
    """The image tower alone."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model.visual

    def forward(self, values: Tensor) -> Tensor:
        """[N, 3, H, W] to [N, d]."""
        features: Tensor = self.model(values)
        return features


class TextModule(nn.Module):
    """The text tower alone; open_clip gives it no mask, padding is known by its id."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """int64 [N, length] to [N, d]."""
        features: Tensor = self.model.encode_text(ids)
        return features


def load(name: str, weights: Path | None, seed: int | None, *, words: bool = True) -> ExportSource:
    """`name`: a configuration and its pretrained tag (ViT-B-32@laion2b_s34b_b79k), hf-hub:OWNER/NAME, local-dir:FOLDER.

    Raises ExportError for a name, a tag or weights that open_clip refuses.
    """
    import open_clip

    config, _, tag = (name, "", "") if ":" in name else name.partition("@")
    if seed is not None:
        torch.manual_seed(seed)
    try:
        model, _, transform = open_clip.create_model_and_transforms(
            config, pretrained_text=False, **_weights_options(config, tag, weights, seed)
        )
    except (RuntimeError, ValueError, KeyError, OSError) as error:
        raise ExportError(f"open_clip cannot make {config} with these weights: {error}") from error
    return ExportSource(
        family="open_clip",
        name=Path(config.removeprefix("local-dir:")).name,
        revision=revision(weights, seed, tag or config),
        image=ImageModule(model.eval()),
        transform=transform,
        preprocess=read_compose(transform),
        words=_text_source(model, config) if words else None,
        packages=("open_clip_torch", "torchvision", "timm", "tokenizers"),
    )


def _weights_options(config: str, tag: str, weights: Path | None, seed: int | None) -> dict[str, Any]:
    """Which weights, and with them which preprocessing: open_clip keeps that with its tags, not its configurations.

    A checkpoint of one's own would otherwise get CLIP's, whatever it was trained with.
    """
    if ":" in config:
        return {"load_weights": seed is None}
    _check_activation(config, tag)
    if weights is None and seed is None:
        if not tag:
            raise ExportError(f"which weights? open_clip:{config}@TAG, --weights FILE, or --seed N")
        return {"pretrained": tag}
    return {"pretrained": None if weights is None else str(weights)} | _published_preprocessing(config, tag)


def _check_activation(config: str, tag: str) -> None:
    """Of OpenAI's weights and some others, open_clip only warns that the configuration has another activation."""
    from open_clip import get_model_config
    from open_clip.pretrained import get_pretrained_cfg

    quick = bool(get_pretrained_cfg(config, tag).get("quick_gelu")) if tag else None
    if quick is not None and quick != bool((get_model_config(config) or {}).get("quick_gelu")):
        other = f"{config}-quickgelu" if quick else config.removesuffix("-quickgelu")
        raise ExportError(f"the weights {tag} were trained with another activation: take open_clip:{other}@{tag}")


def _published_preprocessing(config: str, tag: str) -> dict[str, Any]:
    from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

    tags = [tag] if tag else list_pretrained_tags_by_model(config)
    published = [get_pretrained_cfg(config, one) for one in tags]
    if tag and not published[0]:
        raise ExportError(f"open_clip knows no tag {tag} of {config}")
    keys = ("mean", "std", "interpolation", "resize_mode")
    options = {tuple(each.get(key) for key in keys) for each in published}
    if len(options) != 1:
        raise ExportError(f"which preprocessing? name the tag whose kind the weights are of: open_clip:{config}@TAG")
    return {f"image_{key}": value for key, value in zip(keys, options.pop(), strict=True)}


def _text_source(model: Any, name: str) -> TextSource:
    from open_clip import get_tokenizer
    from open_clip.tokenizer import HFTokenizer, SimpleTokenizer

    tokenizer = get_tokenizer(name)
    length = int(tokenizer.context_length)
    if isinstance(tokenizer, SimpleTokenizer):
        made, pad, side = tokenizer_from_simple(tokenizer, length), 0, "right"
    elif isinstance(tokenizer, HFTokenizer) and not tokenizer.tokenizer_mode and not tokenizer.strip_sep_token:
        inner = tokenizer.tokenizer
        made, pad, side = tokenizer_from_backend(inner, length), inner.pad_token_id, inner.padding_side
    else:
        raise ExportError(f"the tokeniser of {name} is not known here; --pictures-only leaves the text out")

    def tokenise(texts: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
        return tokenizer(texts).numpy(), None

    scale, bias = model.logit_scale, getattr(model, "logit_bias", None)
    return TextSource(
        module=TextModule(model),
        tokenise=tokenise,
        tokenizer=made,
        clean=cleaning_steps(tokenizer.clean_fn),
        length=length,
        pad=pad,
        side=side,
        logit_scale=float(scale.exp().item()),
        logit_bias=None if bias is None else float(bias.item()),
    )

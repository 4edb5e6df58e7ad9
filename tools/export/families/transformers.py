"""transformers: CLIP, SigLIP, SigLIP 2, DINOv2, DINOv3 and what else has one vector a picture of one size."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from tools.export.image_processor import read_processor
from tools.export.source import ExportError, ExportSource, TextSource, revision
from tools.export.tokens import tokenizer_from_backend


class ImageModule(nn.Module):
    """The image half: projected features where the model has them, else the pooled output."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, values: Tensor) -> Tensor:
        """[N, 3, H, W] to [N, d]."""
        ask = getattr(self.model, "get_image_features", None) or self.model
        return _pooled(ask(pixel_values=values))


class TextModule(nn.Module):
    """The text half."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """int64 [N, length] to [N, d]."""
        inputs = {} if mask is None else {"attention_mask": mask}
        return _pooled(self.model.get_text_features(input_ids=ids, **inputs))


def load(name: str, weights: Path | None, seed: int | None, *, words: bool = True) -> ExportSource:
    """`name`: a repository, with its revision after "@", or a folder of the same layout.

    Raises ExportError for a model without one vector a picture, or whatever transformers refuses.
    """
    from transformers import AutoConfig, AutoImageProcessor, AutoModel

    name, _, tag = name.partition("@")
    where = {"revision": tag} if tag else {}
    try:
        config = AutoConfig.from_pretrained(name, **where)
        processor = AutoImageProcessor.from_pretrained(name, **where)
        if seed is not None:
            torch.manual_seed(seed)
        random = seed is not None or weights is not None
        model = AutoModel.from_config(config) if random else AutoModel.from_pretrained(name, **where)
        if weights is not None:
            model.load_state_dict(_load_state(weights))
    except (OSError, ValueError, RuntimeError) as error:
        raise ExportError(f"transformers cannot make {name}: {error}") from error
    model = model.float().eval()
    preprocess = read_processor(processor)
    talks = words and hasattr(model, "get_text_features")

    def transform(image: Image.Image) -> Tensor:
        values: Tensor = processor(images=[image], return_tensors="pt")["pixel_values"][0]
        return values

    return ExportSource(
        family="transformers",
        name=Path(name).name if Path(name).is_dir() else name,
        revision=revision(weights, seed, getattr(config, "_commit_hash", None) or tag or "main"),
        image=ImageModule(model),
        transform=transform,
        preprocess=preprocess,
        words=_text_source(model, config, name, where) if talks else None,
        packages=("transformers", "torchvision", "tokenizers") if talks else ("transformers", "torchvision"),
    )


def _load_state(weights: Path) -> dict[str, Tensor]:
    if weights.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(weights)
    state: dict[str, Tensor] = torch.load(weights, map_location="cpu", weights_only=True)
    return state


def _text_source(model: Any, config: Any, name: str, where: dict[str, str]) -> TextSource:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(name, **where)
    length = config.text_config.max_position_embeddings
    masked = "attention_mask" in tokenizer.model_input_names

    def tokenise(texts: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
        made = tokenizer(texts, padding="max_length", max_length=length, truncation=True, return_tensors="np")
        return made["input_ids"].astype(np.int64), made["attention_mask"].astype(np.int64) if masked else None

    return TextSource(
        module=TextModule(model),
        tokenise=tokenise,
        tokenizer=tokenizer_from_backend(tokenizer, length),
        clean=(),
        length=length,
        pad=tokenizer.pad_token_id,
        side=tokenizer.padding_side,
        masked=masked,
        logit_scale=_float_or_none(getattr(model, "logit_scale", None), np.exp),
        logit_bias=_float_or_none(getattr(model, "logit_bias", None)),
    )


def _float_or_none(parameter: Any, to: Any = float) -> float | None:
    return None if parameter is None else float(to(parameter.detach().item()))


def _pooled(output: Any) -> Tensor:
    found = output if isinstance(output, Tensor) else output.pooler_output
    if found is None:
        raise ExportError("the model gives no single vector for a picture (no pooled output)")
    pooled: Tensor = found
    return pooled

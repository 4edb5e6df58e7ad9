"""UForm: an image and a text encoder in one folder, as its repositories lay them out."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from tools.export.compose import read_compose
from tools.export.source import ExportError, ExportSource, TextSource, revision

CONFIGS, WEIGHTS = ("torch_config.json", "config.json"), ("torch_weight.pt", "weight.pt", "model.pt")


class TextModule(nn.Module):
    """The text encoder with its mask by position."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """int64 [N, length] to [N, d]."""
        features: Tensor = self.encoder(ids, mask)
        return features


def load(name: str, weights: Path | None, seed: int | None, *, words: bool = True) -> ExportSource:
    """`name`: a folder. Raises ExportError for a file that is missing, or weights that do not fit."""
    from uform.shared import read_config
    from uform.torch_encoders import ImageEncoder, TextEncoder
    from uform.torch_processors import ImageProcessor, TextProcessor

    folder = Path(name)
    config = read_config(_first_file(folder, CONFIGS))
    found = weights or (None if seed is not None else _first_file(folder, WEIGHTS))
    if seed is not None:
        torch.manual_seed(seed)
    image = _build(ImageEncoder, config["image_encoder"])
    text = _build(TextEncoder, config["text_encoder"])
    if found is not None:
        state = torch.load(found, map_location="cpu", weights_only=True)
        try:
            image.load_state_dict(state["image_encoder"])
            text.load_state_dict(state["text_encoder"])
        except (KeyError, RuntimeError) as error:
            raise ExportError(f"{found} does not fit {name}: {error}") from error
    transform = ImageProcessor(config)._image_transform
    tokenizer = _first_file(folder, ("tokenizer.json",))
    return ExportSource(
        family="uform",
        name=folder.name,
        revision=revision(found, seed, ""),
        image=image,
        transform=transform,
        preprocess=read_compose(transform),
        words=_text_source(text, TextProcessor(config, str(tokenizer)), tokenizer) if words else None,
        packages=("uform", "torchvision", "tokenizers"),
    )


def _text_source(encoder: Any, processor: Any, tokenizer: Path) -> TextSource:
    plain = Tokenizer.from_file(str(tokenizer))
    plain.no_padding()

    def tokenise(texts: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
        made = processor(texts)
        return made["input_ids"].numpy().astype(np.int64), made["attention_mask"].numpy().astype(np.int64)

    return TextSource(
        module=TextModule(encoder),
        tokenise=tokenise,
        tokenizer=str(plain.to_str()),
        clean=(),
        length=processor._max_seq_len,
        pad=processor._pad_token_idx,
        masked=True,
    )


def _build(kind: Any, config: dict[str, Any]) -> Any:
    known = {key: value for key, value in config.items() if key in kind.__dataclass_fields__}
    return kind(**known).eval()


def _first_file(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise ExportError(f"{folder} holds none of {', '.join(names)}")

"""The configuration of an ONNX repository in the layout that Immich publishes.

`visual/model.onnx` with `preprocess_cfg.json`, and for text `textual/model.onnx` with its tokeniser; `config.json` is
open_clip's description of the model (https://github.com/mlfoundations/open_clip).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.bundle.schema import BundleError, read_json_object
from models.bundle.text_cleaning import CleaningStep

REPOSITORY_FILES = (
    "config.json",
    "visual/model.onnx",
    "visual/model.onnx.data",
    "visual/preprocess_cfg.json",
    "textual/model.onnx",
    "textual/model.onnx.data",
    "textual/tokenizer.json",
    "textual/tokenizer_config.json",
)
REMEDY = "pull the model again"
RESIZES = ("shortest", "squash")
FILTERS = ("bicubic", "bilinear")


@dataclass(frozen=True, slots=True)
class TextLayout:
    """`length`: tokens per row. `pad`: the padding token. `clean`: steps before the tokeniser."""

    length: int
    pad: str
    clean: tuple[CleaningStep, ...]


@dataclass(frozen=True, slots=True)
class RepositoryLayout:
    """`size`: pixels of a side. `mean`, `std`: of red, green, blue, in 0..1. `text`: None without a text tower."""

    folder: Path
    size: int
    resize: str
    interpolation: str
    mean: list[float]
    std: list[float]
    text: TextLayout | None


def read_repository_layout(folder: Path) -> RepositoryLayout:
    """Read the configuration. Raises BundleError for another layout, or for preprocessing that is not supported."""
    if not (folder / "visual" / "model.onnx").is_file():
        raise BundleError(f"{folder} has no visual/model.onnx: it is not an ONNX repository in the supported layout")
    config = read_json_object(folder / "visual" / "preprocess_cfg.json", REMEDY)
    size = _size(config, folder)
    return RepositoryLayout(
        folder,
        size,
        _choice(config, "resize_mode", RESIZES, "shortest", folder),
        _choice(config, "interpolation", FILTERS, None, folder),
        _three_numbers(config, "mean", folder),
        _three_numbers(config, "std", folder),
        _text(folder) if (folder / "textual" / "model.onnx").is_file() else None,
    )


def _size(config: dict[str, Any], folder: Path) -> int:
    size = config.get("size")
    sides = size if isinstance(size, list) else [size, size]
    if len(sides) != 2 or sides[0] != sides[1] or type(sides[0]) is not int:
        raise BundleError(f"{folder}: the image size {size!r} is not a square: export this model with tools.export")
    if config.get("mode", "RGB") != "RGB":
        raise BundleError(f"{folder}: colour mode {config['mode']!r} is not RGB: export this model with tools.export")
    return int(sides[0])


def _choice(config: dict[str, Any], key: str, known: tuple[str, ...], default: str | None, folder: Path) -> str:
    value = config.get(key, default)
    if value not in known:
        raise BundleError(f"{folder}: {key} {value!r} is not one of {', '.join(known)}: export it with tools.export")
    return str(value)


def _three_numbers(config: dict[str, Any], key: str, folder: Path) -> list[float]:
    value = config.get(key)
    if not isinstance(value, list) or len(value) != 3 or not all(isinstance(v, int | float) for v in value):
        raise BundleError(f"{folder}: {key} {value!r} is not three numbers: {REMEDY}")
    return [float(v) for v in value]


def _text(folder: Path) -> TextLayout:
    text_config = read_json_object(folder / "config.json", REMEDY).get("text_cfg", {})
    tokenizer = read_json_object(folder / "textual" / "tokenizer_config.json", REMEDY)
    pad = tokenizer.get("pad_token")
    pad = pad.get("content") if isinstance(pad, dict) else pad
    if not isinstance(pad, str):
        raise BundleError(f"{folder}: tokenizer_config.json has no pad_token: export this model with tools.export")
    canonical = (text_config.get("tokenizer_kwargs") or {}).get("clean") == "canonicalize"
    # open_clip's cleaning, which these models were trained with; Immich itself skips the first two steps.
    steps: tuple[CleaningStep, ...] = ("punctuation", "lower", "spaces") if canonical else ("spaces",)
    return TextLayout(int(text_config.get("context_length", 77)), pad, ("tidy", "html", *steps))

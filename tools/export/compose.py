"""A torchvision Compose, as timm, open_clip and UForm make them, read step by step. An unknown step is an error."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from models.recipe import Interpolation, Recipe
from tools.export.source import ExportError, Preprocessing, Triple

FILTERS: dict[str, Interpolation] = {
    "nearest": "nearest",
    "box": "box",
    "bilinear": "bilinear",
    "hamming": "hamming",
    "bicubic": "bicubic",
    "lanczos": "lanczos",
}


@dataclass(frozen=True, slots=True)
class _ComposeState:
    """What the steps so far have said."""

    recipe: Recipe | None = None
    resized: bool = False
    cropped: bool = False
    tensor: bool = False
    mean: Triple | None = None
    std: Triple | None = None


def read_compose(transform: Any) -> Preprocessing:
    """Raises ExportError for a step, an option or an order that is not known to give the same pixels here."""
    read = _ComposeState()
    for step in getattr(transform, "transforms", [transform]):
        name = f"{getattr(step, '__module__', '')}.{getattr(step, '__qualname__', type(step).__qualname__)}"
        if name not in STEP_READERS:
            raise ExportError(
                f"unknown step in the image transform: {step!r} ({name}); "
                "teach tools/export/compose.py what it does, a guess would change the pixels unseen"
            )
        read = STEP_READERS[name](read, step)
    if read.recipe is None or not read.tensor:
        raise ExportError(f"the image transform does not end in a tensor of one size: {transform!r}")
    if read.mean is None or read.std is None:
        return Preprocessing(read.recipe)
    return Preprocessing(read.recipe, read.mean, read.std)


def require(holds: bool, step: Any) -> None:
    """Raises ExportError for an option that this exporter does not follow to the pixel."""
    if not holds:
        raise ExportError(f"the image transform has a step with options that are not known here: {step!r}")


def _resize(read: _ComposeState, step: Any) -> _ComposeState:
    require(not read.resized and not read.tensor and step.max_size is None, step)
    require(getattr(step, "antialias", True) is not False, step)
    size, way = step.size, FILTERS.get(step.interpolation.value)
    require(way is not None, step)
    assert way is not None
    if isinstance(size, int) or len(size) == 1:
        edge = size if isinstance(size, int) else size[0]
        return replace(read, resized=True, recipe=Recipe(edge, edge, "shortest", way, edge=(edge, edge)))
    return replace(read, resized=True, recipe=Recipe(size[0], size[1], "squash", way, edge=(size[0], size[1])))


def _keep_ratio(read: _ComposeState, step: Any) -> _ComposeState:
    require(not read.resized and not read.tensor and step.longest in (0.0, 1.0), step)
    require(step.random_scale_prob == 0 and step.random_aspect_prob == 0, step)
    way = FILTERS.get(getattr(step.interpolation, "value", ""))
    require(way is not None, step)
    assert way is not None
    high, wide = step.size
    resize = "pad" if step.longest else "shortest"
    recipe = Recipe(high, wide, resize, way, edge=(high, wide), rounding="nearest")  # type: ignore[arg-type]
    return replace(read, resized=True, recipe=recipe)


def _crop(read: _ComposeState, step: Any) -> _ComposeState:
    size = (step.size, step.size) if isinstance(step.size, int) else tuple(step.size)
    require(not read.cropped and not read.tensor and read.recipe is not None and len(size) == 2, step)
    assert read.recipe is not None
    edge = read.recipe.edge
    # Where a crop is larger than what was resized, torchvision adds black edges: no model is known to want them.
    require(edge is not None and size[0] <= edge[0] and size[1] <= edge[1], step)
    return replace(read, cropped=True, recipe=read.recipe._replace(height=size[0], width=size[1]))


def _crop_or_pad(read: _ComposeState, step: Any) -> _ComposeState:
    require(getattr(step, "padding_mode", "constant") == "constant", step)
    read = _crop(read, step)
    assert read.recipe is not None
    fill = (step.fill,) * 3 if isinstance(step.fill, int) else tuple(step.fill)
    require(len(fill) == 3 and all(isinstance(part, int) for part in fill), step)
    return replace(read, recipe=read.recipe._replace(fill=fill))


def _convert(read: _ComposeState, step: Any) -> _ComposeState:
    require(getattr(step, "mode", "RGB") == "RGB" and not read.tensor, step)
    return read


def _to_tensor(read: _ComposeState, step: Any) -> _ComposeState:
    # Without a crop, the shortest edge alone gives pictures of any shape.
    require(not read.tensor and read.recipe is not None, step)
    assert read.recipe is not None
    require(read.cropped or read.recipe.resize == "squash", step)
    return replace(read, tensor=True)


def _normalise(read: _ComposeState, step: Any) -> _ComposeState:
    mean, std = [float(part) for part in step.mean], [float(part) for part in step.std]
    require(read.tensor and read.mean is None and len(mean) == len(std) == 3 and min(std) > 0, step)
    return replace(read, mean=(mean[0], mean[1], mean[2]), std=(std[0], std[1], std[2]))


STEP_READERS: dict[str, Callable[[_ComposeState, Any], _ComposeState]] = {
    "torchvision.transforms.transforms.Resize": _resize,
    "torchvision.transforms.transforms.CenterCrop": _crop,
    "torchvision.transforms.transforms.ToTensor": _to_tensor,
    "torchvision.transforms.transforms.Normalize": _normalise,
    "timm.data.transforms.ResizeKeepRatio": _keep_ratio,
    "timm.data.transforms.CenterCropOrPad": _crop_or_pad,
    "timm.data.transforms.MaybeToTensor": _to_tensor,
    "open_clip.transform.ResizeKeepRatio": _keep_ratio,
    "open_clip.transform.CenterCropOrPad": _crop_or_pad,
    "open_clip.transform.MaybeConvertMode": _convert,
    "open_clip.transform._convert_to_rgb": _convert,
    "open_clip.transform.MaybeToTensor": _to_tensor,
    "uform.torch_processors.convert_to_rgb": _convert,
}

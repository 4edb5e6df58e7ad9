"""Read a torchvision Compose, as timm, open_clip and UForm make them. An unknown step is an error."""

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
    """The result of the steps read so far."""

    recipe: Recipe | None = None
    resized: bool = False
    cropped: bool = False
    tensor: bool = False
    mean: Triple | None = None
    std: Triple | None = None


def read_compose(transform: Any) -> Preprocessing:
    """Return the preprocessing. Raises ExportError for a step, option or order that could change the pixels."""
    state = _ComposeState()
    for step in getattr(transform, "transforms", [transform]):
        name = f"{getattr(step, '__module__', '')}.{getattr(step, '__qualname__', type(step).__qualname__)}"
        if name not in STEP_READERS:
            raise ExportError(
                f"unknown step in the image transform: {step!r} ({name}); "
                "add a reader for it to tools/export/compose.py, since a guess could change the pixels"
            )
        state = STEP_READERS[name](state, step)
    if state.recipe is None or not state.tensor:
        raise ExportError(f"the image transform does not end in a tensor of one size: {transform!r}")
    if state.mean is None or state.std is None:
        return Preprocessing(state.recipe)
    return Preprocessing(state.recipe, state.mean, state.std)


def require(holds: bool, step: Any) -> None:
    """Raise ExportError unless `holds`, for an option that this exporter cannot reproduce to the pixel."""
    if not holds:
        raise ExportError(f"the image transform has a step with unsupported options: {step!r}")


def _resize(state: _ComposeState, step: Any) -> _ComposeState:
    require(not state.resized and not state.tensor and step.max_size is None, step)
    require(getattr(step, "antialias", True) is not False, step)
    size, interpolation = step.size, FILTERS.get(step.interpolation.value)
    require(interpolation is not None, step)
    assert interpolation is not None
    if isinstance(size, int) or len(size) == 1:
        edge = size if isinstance(size, int) else size[0]
        return replace(state, resized=True, recipe=Recipe(edge, edge, "shortest", interpolation, edge=(edge, edge)))
    return replace(
        state, resized=True, recipe=Recipe(size[0], size[1], "squash", interpolation, edge=(size[0], size[1]))
    )


def _keep_ratio(state: _ComposeState, step: Any) -> _ComposeState:
    require(not state.resized and not state.tensor and step.longest in (0.0, 1.0), step)
    require(step.random_scale_prob == 0 and step.random_aspect_prob == 0, step)
    interpolation = FILTERS.get(getattr(step.interpolation, "value", ""))
    require(interpolation is not None, step)
    assert interpolation is not None
    high, wide = step.size
    resize = "pad" if step.longest else "shortest"
    recipe = Recipe(high, wide, resize, interpolation, edge=(high, wide), rounding="nearest")  # type: ignore[arg-type]
    return replace(state, resized=True, recipe=recipe)


def _crop(state: _ComposeState, step: Any) -> _ComposeState:
    size = (step.size, step.size) if isinstance(step.size, int) else tuple(step.size)
    require(not state.cropped and not state.tensor and state.recipe is not None and len(size) == 2, step)
    assert state.recipe is not None
    edge = state.recipe.edge
    # For a crop larger than the resized image torchvision adds black edges; no known model uses them.
    require(edge is not None and size[0] <= edge[0] and size[1] <= edge[1], step)
    return replace(state, cropped=True, recipe=state.recipe._replace(height=size[0], width=size[1]))


def _crop_or_pad(state: _ComposeState, step: Any) -> _ComposeState:
    require(getattr(step, "padding_mode", "constant") == "constant", step)
    state = _crop(state, step)
    assert state.recipe is not None
    fill = (step.fill,) * 3 if isinstance(step.fill, int) else tuple(step.fill)
    require(len(fill) == 3 and all(isinstance(part, int) for part in fill), step)
    return replace(state, recipe=state.recipe._replace(fill=fill))


def _convert(state: _ComposeState, step: Any) -> _ComposeState:
    require(getattr(step, "mode", "RGB") == "RGB" and not state.tensor, step)
    return state


def _to_tensor(state: _ComposeState, step: Any) -> _ComposeState:
    # Without a crop, resizing the shortest edge gives images of any shape.
    require(not state.tensor and state.recipe is not None, step)
    assert state.recipe is not None
    require(state.cropped or state.recipe.resize == "squash", step)
    return replace(state, tensor=True)


def _normalise(state: _ComposeState, step: Any) -> _ComposeState:
    mean, std = [float(part) for part in step.mean], [float(part) for part in step.std]
    require(state.tensor and state.mean is None and len(mean) == len(std) == 3 and min(std) > 0, step)
    return replace(state, mean=(mean[0], mean[1], mean[2]), std=(std[0], std[1], std[2]))


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

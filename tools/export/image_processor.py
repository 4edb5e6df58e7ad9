"""Read a transformers image processor from its settings. An unknown setting or class is an error."""

from typing import Any

from models.recipe import Interpolation, Recipe
from tools.export.source import ExportError, Preprocessing

FILTERS: dict[int, Interpolation] = {1: "lanczos", 2: "bilinear", 3: "bicubic"}  # PIL.Image.Resampling
STEPS = ("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb", "do_pad")
# The implementations: the plain order, and DINOv3's, which resizes float values instead of bytes.
PROCEDURES = ("TorchvisionBackend._preprocess", "PilBackend._preprocess", "DINOv3ViTImageProcessor._preprocess")
METHODS = ("resize", "center_crop", "rescale", "normalize", "rescale_and_normalize")


def read_processor(processor: Any) -> Preprocessing:
    """Return the preprocessing. Raises ExportError for a step, size or class that could change the pixels."""
    _check_class(processor)
    settings = processor.to_dict()
    for key in [key for key in settings if key.startswith("do_") and settings[key] and key not in STEPS]:
        raise ExportError(f"the image processor has a step not supported here: {key}={settings[key]!r}")
    if settings.get("do_pad") or not settings.get("do_resize") or not settings.get("do_rescale"):
        raise ExportError("the image processor pads, or does not resize and rescale: not supported here")
    if abs(settings["rescale_factor"] * 255 - 1) > 1e-9:
        raise ExportError(f"the image processor rescales by {settings['rescale_factor']!r}, not by 1/255")
    recipe = _recipe(settings)
    if not settings.get("do_normalize"):
        return Preprocessing(recipe)
    return Preprocessing(recipe, tuple(map(float, settings["image_mean"])), tuple(map(float, settings["image_std"])))  # type: ignore[arg-type]


def _check_class(processor: Any) -> None:
    kind = type(processor)
    procedure = getattr(kind, "_preprocess", None)
    if getattr(procedure, "__qualname__", "") not in PROCEDURES:
        raise ExportError(f"{kind.__name__} has its own procedure, which need not give images of a fixed size")
    for name in METHODS:
        method = getattr(kind, name, None)
        if method is not None and method.__qualname__.partition(".")[0] not in ("TorchvisionBackend", "PilBackend"):
            raise ExportError(f"{kind.__name__} has its own {name}, not supported here")


def _recipe(settings: dict[str, Any]) -> Recipe:
    interpolation = FILTERS.get(int(settings["resample"]))
    if interpolation is None:
        raise ExportError(f"the image processor resamples by {settings['resample']!r}: not supported here")
    size = {key: value for key, value in settings["size"].items() if value is not None}
    if size.keys() == {"shortest_edge"}:
        edge, resize = (size["shortest_edge"],) * 2, "shortest"
    elif size.keys() == {"height", "width"}:
        edge, resize = (size["height"], size["width"]), "squash"
    else:
        raise ExportError(f"the image processor resizes to {size!r}: not supported here")
    crop = edge
    if settings.get("do_center_crop"):
        crop = (settings["crop_size"]["height"], settings["crop_size"]["width"])
    elif resize == "shortest":
        raise ExportError("the image processor gives images of any shape (shortest edge without a crop)")
    if crop[0] > edge[0] or crop[1] > edge[1]:
        raise ExportError(f"the image processor crops {crop} out of {edge}: black edges are not supported")
    return Recipe(crop[0], crop[1], resize, interpolation, edge=edge, centre="down")  # type: ignore[arg-type]

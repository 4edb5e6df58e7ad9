"""A transformers image processor, read from its own settings. An unknown setting or class is an error."""

from typing import Any

from models.recipe import Interpolation, Recipe
from tools.export.source import ExportError, Preprocessing

FILTERS: dict[int, Interpolation] = {1: "lanczos", 2: "bilinear", 3: "bicubic"}  # PIL.Image.Resampling
STEPS = ("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb", "do_pad")
# How they go about it: the plain order, and DINOv3's, which resizes values instead of bytes.
PROCEDURES = ("TorchvisionBackend._preprocess", "PilBackend._preprocess", "DINOv3ViTImageProcessor._preprocess")
METHODS = ("resize", "center_crop", "rescale", "normalize", "rescale_and_normalize")


def read_processor(processor: Any) -> Preprocessing:
    """Raises ExportError for a step, a size or a class that is not known to give the same pixels here."""
    _check_class(processor)
    said = processor.to_dict()
    for key in [key for key in said if key.startswith("do_") and said[key] and key not in STEPS]:
        raise ExportError(f"the image processor has a step that is not known here: {key}={said[key]!r}")
    if said.get("do_pad") or not said.get("do_resize") or not said.get("do_rescale"):
        raise ExportError("the image processor pads, or does not resize and rescale: that is not known here")
    if abs(said["rescale_factor"] * 255 - 1) > 1e-9:
        raise ExportError(f"the image processor rescales by {said['rescale_factor']!r}, not by 1/255")
    recipe = _recipe(said)
    if not said.get("do_normalize"):
        return Preprocessing(recipe)
    return Preprocessing(recipe, tuple(map(float, said["image_mean"])), tuple(map(float, said["image_std"])))  # type: ignore[arg-type]


def _check_class(processor: Any) -> None:
    kind = type(processor)
    procedure = getattr(kind, "_preprocess", None)
    if getattr(procedure, "__qualname__", "") not in PROCEDURES:
        raise ExportError(f"{kind.__name__} has a procedure of its own, which no fixed size of picture can follow")
    for name in METHODS:
        method = getattr(kind, name, None)
        if method is not None and method.__qualname__.partition(".")[0] not in ("TorchvisionBackend", "PilBackend"):
            raise ExportError(f"{kind.__name__} has its own {name}, which is not known here")


def _recipe(said: dict[str, Any]) -> Recipe:
    way = FILTERS.get(int(said["resample"]))
    if way is None:
        raise ExportError(f"the image processor resamples by {said['resample']!r}: that is not known here")
    size = {key: value for key, value in said["size"].items() if value is not None}
    if size.keys() == {"shortest_edge"}:
        edge, resize = (size["shortest_edge"],) * 2, "shortest"
    elif size.keys() == {"height", "width"}:
        edge, resize = (size["height"], size["width"]), "squash"
    else:
        raise ExportError(f"the image processor resizes to {size!r}: that is not known here")
    crop = edge
    if said.get("do_center_crop"):
        crop = (said["crop_size"]["height"], said["crop_size"]["width"])
    elif resize == "shortest":
        raise ExportError("the image processor gives pictures of any shape (shortest edge without a crop)")
    if crop[0] > edge[0] or crop[1] > edge[1]:
        raise ExportError(f"the image processor crops {crop} out of {edge}: black edges are not known here")
    return Recipe(crop[0], crop[1], resize, way, edge=edge, centre="down")  # type: ignore[arg-type]

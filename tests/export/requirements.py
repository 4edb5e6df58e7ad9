"""What the exporter's tests need, and what they are about."""

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

if TYPE_CHECKING:
    from models.bundle.folder import Bundle
    from tools.export.source import ExportSource

NEEDED = ("torch", "torchvision", "onnx", "onnxscript", "timm", "open_clip", "transformers", "uform")
MISSING = [name for name in NEEDED if find_spec(name) is None]
PROVIDER = cast(Literal["cpu", "cuda", "tensorrt"], os.environ.get("CATALOG_TEST_PROVIDER", "cpu"))
FAMILIES = (
    "open_clip_clip",
    "open_clip_siglip2",
    "open_clip_mobileclip2",
    "timm_vit",
    "transformers_clip",
    "transformers_siglip2",
    "transformers_dinov2",
    "transformers_dinov3",
    "uform",
)


class Made(NamedTuple):
    """A source, and the bundle that the exporter made of it."""

    source: "ExportSource"
    bundle: "Bundle"

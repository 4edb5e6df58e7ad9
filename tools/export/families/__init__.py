"""Model families, a module each. A new family needs a module, and its name in FAMILIES."""

from importlib import import_module
from pathlib import Path

from tools.export.operators import import_torchvision
from tools.export.source import ExportError, ExportSource

FAMILIES = ("open_clip", "timm", "transformers", "uform")


def load_source(model: str, weights: Path | None, seed: int | None, *, words: bool = True) -> ExportSource:
    """Load FAMILY:NAME. Raises ExportError for an unknown family, a missing package, or a model that it refuses."""
    family, _, name = model.partition(":")
    if family not in FAMILIES or not name:
        raise ExportError(f"{model!r} is not FAMILY:NAME with a family out of {', '.join(FAMILIES)}")
    try:
        import_torchvision()
        module = import_module(f"tools.export.families.{family}")
        source: ExportSource = module.load(name, weights, seed, words=words)
    except ImportError as error:
        raise ExportError(f"{error}: pip install -c constraints.txt -c constraints-export.txt '.[export]'") from error
    return source

"""Import torchvision without its compiled operators: a wheel built for another PyTorch still transforms images."""

import sys
from importlib import import_module

import torch

# Operators whose shapes torchvision registers while it is imported, whether it could load them or not.
MISSING_OPERATORS = ("nms", "qnms")


def import_torchvision() -> None:
    """Import torchvision; declare the operators of its library where that cannot be loaded.

    No transform uses one of them. Raises what the import raises for any other reason.
    """
    try:
        import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in MISSING_OPERATORS:
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        LIBRARIES.append(library)
        import_module("torchvision")


LIBRARIES: list[torch.library.Library] = []  # an operator goes when its library does

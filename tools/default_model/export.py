"""From PyTorch to one ONNX file."""

from pathlib import Path

import torch

from tools.export.graph import OPSET, write_graph

from .embedder import SIZE, Embedder

__all__ = ["INPUT", "OPSET", "OUTPUT", "export"]

INPUT, OUTPUT = "image", "embedding"


def export(model: Embedder, path: Path) -> None:
    """Write `model` with a dynamic batch and its weights inside the file."""
    example = torch.randint(0, 256, (2, SIZE, SIZE, 3), dtype=torch.uint8)
    write_graph(model, (example,), [INPUT], path, OUTPUT)

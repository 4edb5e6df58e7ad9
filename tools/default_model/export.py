"""From PyTorch to one ONNX file."""

from pathlib import Path

import onnx
import torch

from .embedder import SIZE, Embedder

OPSET = 20
INPUT, OUTPUT = "image", "embedding"


def export(model: Embedder, path: Path) -> None:
    """Write `model` with a dynamic batch and its weights inside the file."""
    example = torch.randint(0, 256, (2, SIZE, SIZE, 3), dtype=torch.uint8)
    program = torch.onnx.export(
        model,
        (example,),
        dynamo=True,
        opset_version=OPSET,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    graph = program.model_proto
    for node in graph.graph.node:
        # Where each node came from in the source: names this machine's folders, and is half the file.
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*graph.graph.value_info, *graph.graph.input, *graph.graph.output]:
        del value.metadata_props[:]
    for weight in graph.graph.initializer:
        del weight.metadata_props[:]
    del graph.graph.metadata_props[:]
    del graph.metadata_props[:]
    onnx.checker.check_model(graph)
    path.write_bytes(graph.SerializeToString())

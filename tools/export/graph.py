"""Export a PyTorch module to one ONNX file that includes the pixel layout, normalisation and unit length."""

import copy
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.export.source import ExportError, Preprocessing

OPSET = 20
PIXELS, IDS, MASK, OUTPUT = "pixels", "token_ids", "token_mask", "unit_vector"  # none of them a name inside a module
MAX_PROTOBUF_BYTES = 2**31 - 1  # the limit of one protobuf message


class ImageGraph(nn.Module):
    """uint8 [N, H, W, 3] to unit vectors, float32 [N, d]; `half`: the network itself in float16."""

    def __init__(self, network: nn.Module, preprocess: Preprocessing, half: bool = False) -> None:
        super().__init__()
        network = merge_branches(network)
        self.network = copy.deepcopy(network).half() if half else network
        self.half_precision = half
        self.register_buffer("mean", torch.tensor(preprocess.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(preprocess.std).view(1, 3, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalise as torchvision does, embed, and scale to length one."""
        values = pixels.permute(0, 3, 1, 2).float() / 255
        values = (values - self.get_buffer("mean")) / self.get_buffer("std")
        features: Tensor = self.network(values.half() if self.half_precision else values)
        return functional.normalize(features.float(), dim=-1)


def merge_branches(network: nn.Module) -> nn.Module:
    """Return the same network with branches that exist only for training merged.

    This halves the operations of MobileCLIP and similar models. Other networks are returned unchanged.
    """
    if not any(hasattr(module, "reparameterize") for module in network.modules()):
        return network
    from timm.utils import reparameterize_model

    merged: nn.Module = reparameterize_model(network)
    return merged


class TextGraph(nn.Module):
    """Token ids (and mask), int64 [N, length], to unit vectors, float32 [N, d]; `half`: the network in float16."""

    def __init__(self, network: nn.Module, half: bool = False) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).half() if half else network

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Embed, and scale to length one."""
        features: Tensor = self.network(ids, mask)
        return functional.normalize(features.float(), dim=-1)


def write_graph(
    module: nn.Module, example: tuple[Tensor, ...], names: list[str], path: Path, output: str = OUTPUT
) -> None:
    """Write `module` with a dynamic batch and its weights inside the file. Raises ExportError above 2 GB."""
    batch = torch.export.Dim("batch")
    shapes = tuple({0: batch} for _ in example)
    with torch.inference_mode():
        program = torch.onnx.export(
            module.eval(),
            example,
            dynamo=True,
            opset_version=OPSET,
            input_names=names,
            output_names=[output],
            dynamic_shapes=shapes,
            verbose=False,
        )
    if program is None:
        raise ExportError("torch.onnx.export returned no program: try another version of torch")
    graph = program.model_proto
    strip_metadata(graph)
    save_graph(graph, path)


def save_graph(graph: onnx.ModelProto, path: Path) -> None:
    """Check and write a graph. Raises ExportError for one that is too large for a file."""
    if graph.ByteSize() > MAX_PROTOBUF_BYTES:
        raise ExportError("the weights take more than 2 GB, too much for one ONNX file: export with fp16 or int8")
    onnx.checker.check_model(graph)
    path.write_bytes(graph.SerializeToString())


def strip_metadata(graph: onnx.ModelProto) -> None:
    """Remove the source locations of nodes: they name folders of this machine, and are half of a small file."""
    nodes: list[Any] = list(graph.graph.node)
    for function in graph.functions:
        nodes.extend(function.node)
        del function.metadata_props[:]
    for node in nodes:
        del node.metadata_props[:]
        node.doc_string = ""
    values = [*graph.graph.value_info, *graph.graph.input, *graph.graph.output, *graph.graph.initializer]
    for value in values:
        del value.metadata_props[:]
        value.doc_string = ""
    del graph.graph.metadata_props[:]
    del graph.metadata_props[:]
    graph.graph.doc_string = graph.doc_string = ""

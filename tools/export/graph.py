"""From a PyTorch module to one ONNX file, with the pixels' layout and normalisation, and unit length, inside."""

import copy
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.export.source import ExportError, Preprocessing

OPSET = 20
PIXELS, IDS, MASK, OUTPUT = "pixels", "token_ids", "token_mask", "unit_vector"  # no module's own names
MAX_PROTOBUF_BYTES = 2**31 - 1  # bytes of one protobuf message


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
    """The same function in the form that is made to be run: branches that were trained side by side become one.

    MobileCLIP and its like need half the operations then. Left as it is where there are no such branches.
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
    """Writes `module` with a dynamic batch and its weights inside the file. Raises ExportError above 2 GB."""
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
        raise ExportError("torch.onnx.export gave no program; another version of torch may")
    graph = program.model_proto
    strip_metadata(graph)
    save_graph(graph, path)


def save_graph(graph: onnx.ModelProto, path: Path) -> None:
    """Checks and writes. Raises ExportError for a graph that one file cannot hold."""
    if graph.ByteSize() > MAX_PROTOBUF_BYTES:
        raise ExportError("the weights take more than 2 GB, which one ONNX file cannot hold: export with fp16 or int8")
    onnx.checker.check_model(graph)
    path.write_bytes(graph.SerializeToString())


def strip_metadata(graph: onnx.ModelProto) -> None:
    """Removes where each node came from in the source: names this machine's folders, and is half of a small file."""
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

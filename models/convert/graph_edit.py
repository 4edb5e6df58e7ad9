"""Folding of preprocessing into an imported ONNX graph; the only user of `onnx`, which only imports need.

Every bundle's graph takes uint8 [N, H, W, 3] (a text graph int64 [N, length]) and returns unit vectors, so that the
normalisation is covered by the graph's digest and cannot be mixed up.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MAX_INLINE_BYTES = 1_500_000_000  # of weights; above it a graph may not fit into one protobuf file (2 GiB)
PIXELS_INPUT, VECTOR_OUTPUT, TOKENS_INPUT = "catalogd_pixels", "catalogd_vector", "catalogd_tokens"


class GraphError(Exception):
    """A graph that does not match its repository's layout."""


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """Facts about an edited graph.

    `dims`: numbers per vector. `precision`: of its weights. `batch`: a fixed one, or 0. `normalises`: the source graph
    takes uint8 pixels [N, H, W, 3] itself.
    """

    dims: int
    opset: int
    precision: str
    batch: int
    normalises: bool = False


def fold_image(source: Path, target: Path, size: int, mean: list[float], std: list[float]) -> GraphFacts:
    """Write `source` with normalisation, layout and scaling to unit length included. Raises GraphError."""
    model = _load(source)
    entry = _only_input(model, source)
    shape = [d.dim_value for d in entry.type.tensor_type.shape.dim]
    kind = entry.type.tensor_type.elem_type
    if kind == TensorProto.UINT8 and shape[1:] == [size, size, 3]:
        nodes = [helper.make_node("Identity", [PIXELS_INPUT], [entry.name])]
    elif len(shape) == 4 and shape[1] in (0, 3) and {shape[2], shape[3]} <= {0, size}:
        nodes = _normalisation_nodes(model, entry.name, kind, mean, std)
    else:
        raise GraphError(f"{source}: the input is {shape}, its configuration says {size} x {size} images")
    batch = shape[0] if shape[0] > 0 else 0
    pixels = helper.make_tensor_value_info(PIXELS_INPUT, TensorProto.UINT8, [batch or "N", size, size, 3])
    dims = _wrap_graph(model, entry, pixels, nodes, batch)
    return replace(_save(model, target, dims, batch), normalises=kind == TensorProto.UINT8)


def fold_text(source: Path, target: Path, length: int) -> tuple[GraphFacts, bool]:
    """Write a text graph of int64 ids (and a mask); return its facts, and whether it has a mask. Raises GraphError."""
    model = _load(source)
    entries = _inputs(model)
    masks = [entry for entry in entries if "mask" in entry.name]
    ids = [entry for entry in entries if entry not in masks]
    if len(ids) != 1 or len(masks) > 1:
        raise GraphError(f"{source}: inputs {', '.join(entry.name for entry in entries)}; expected ids and a mask")
    width = ids[0].type.tensor_type.shape.dim[1].dim_value
    if width not in (0, length):
        raise GraphError(f"{source}: rows of {width} tokens, its configuration says {length}")
    batch = ids[0].type.tensor_type.shape.dim[0].dim_value
    nodes, values = [], []
    for entry, name in [(ids[0], TOKENS_INPUT), *((mask, TOKENS_INPUT + "_mask") for mask in masks)]:
        nodes.append(helper.make_node("Cast", [name], [entry.name], to=entry.type.tensor_type.elem_type))
        values.append(helper.make_tensor_value_info(name, TensorProto.INT64, [batch or "N", length]))
        model.graph.input.remove(entry)
    dims = _wrap_graph(model, None, None, nodes, batch)
    for value in reversed(values):
        model.graph.input.insert(0, value)
    return _save(model, target, dims, batch), bool(masks)


def _load(source: Path) -> Any:
    try:
        return onnx.load(source)
    except Exception as error:  # protobuf, missing weights, unreadable: there is no common class
        raise GraphError(f"{source} is not an ONNX graph: {error}") from error


def _inputs(model: Any) -> list[Any]:
    weights = {weight.name for weight in model.graph.initializer}
    return [entry for entry in model.graph.input if entry.name not in weights]


def _only_input(model: Any, source: Path) -> Any:
    entries = _inputs(model)
    if len(entries) != 1:
        raise GraphError(f"{source}: inputs {', '.join(entry.name for entry in entries)}; expected one image")
    return entries[0]


def _normalisation_nodes(model: Any, entry: str, kind: int, mean: list[float], std: list[float]) -> list[Any]:
    """Return nodes for (pixels / 255 - mean) / std, as torchvision's ToTensor and Normalize, then to planes."""
    scale = np.array([1 / (255 * s) for s in std], np.float32)
    shift = np.array([m / s for m, s in zip(mean, std, strict=True)], np.float32)
    for name, value in (("catalogd_scale", scale), ("catalogd_shift", shift)):
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    return [
        helper.make_node("Cast", [PIXELS_INPUT], ["catalogd_real"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["catalogd_real", "catalogd_scale"], ["catalogd_scaled"]),
        helper.make_node("Sub", ["catalogd_scaled", "catalogd_shift"], ["catalogd_normal"]),
        helper.make_node("Transpose", ["catalogd_normal"], ["catalogd_planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["catalogd_planes"], [entry], to=kind),
    ]


def _wrap_graph(model: Any, entry: Any, pixels: Any, before: list[Any], batch: int) -> int:
    """Insert nodes before the graph, and scaling to unit length after its first output; return the vector's length."""
    first = model.graph.output[0]
    shape = [d.dim_value for d in first.type.tensor_type.shape.dim]
    if len(shape) != 2:  # [N, dims]
        raise GraphError(f"the first output is {shape}; expected one vector per row")
    if entry is not None:
        model.graph.input.remove(entry)
        model.graph.input.insert(0, pixels)
    for node in reversed(before):
        model.graph.node.insert(0, node)
    model.graph.node.append(helper.make_node("Cast", [first.name], ["catalogd_raw"], to=TensorProto.FLOAT))
    model.graph.node.append(helper.make_node("LpNormalization", ["catalogd_raw"], [VECTOR_OUTPUT], axis=1, p=2))
    del model.graph.output[:]
    model.graph.output.append(
        helper.make_tensor_value_info(VECTOR_OUTPUT, TensorProto.FLOAT, [batch or "N", shape[1] or "D"])
    )
    return int(shape[1])


def _save(model: Any, target: Path, dims: int, batch: int) -> GraphFacts:
    external = sum(len(weight.raw_data) for weight in model.graph.initializer) > MAX_INLINE_BYTES
    onnx.save(model, target, save_as_external_data=external, location=target.name + ".data" if external else None)
    halves = sum(w.data_type == TensorProto.FLOAT16 for w in model.graph.initializer)
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    return GraphFacts(dims, opset, "fp16" if 2 * halves > len(model.graph.initializer) else "fp32", batch)

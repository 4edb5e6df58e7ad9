"""Fold preprocessing into a foreign ONNX graph: the one place that knows `onnx`, which only importing needs.

Every bundle's graph takes uint8 [N, H, W, 3] (a text graph int64 [N, length]) and gives unit vectors: what the
network wants of its input is then part of the graph's own digest and cannot be mixed up.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MAX_INLINE_BYTES = 1_500_000_000  # bytes of weights above which a graph does not fit into one protobuf file (2 GiB)
PIXELS_INPUT, VECTOR_OUTPUT, TOKENS_INPUT = "catalogd_pixels", "catalogd_vector", "catalogd_tokens"


class GraphError(Exception):
    """A graph that is not what its layout promises."""


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """Of a changed graph: numbers a vector, its opset, the precision of its weights, a fixed batch (0 = any), and
    whether the source took uint8 pixels [N, H, W, 3] itself.
    """

    dims: int
    opset: int
    precision: str
    batch: int
    normalises: bool = False


def fold_image(source: Path, target: Path, size: int, mean: list[float], std: list[float]) -> GraphFacts:
    """Write `source` with its normalisation, layout and unit length inside. Raises GraphError."""
    model = _load(source)
    entry = _only_input(model, source)
    shape = [d.dim_value for d in entry.type.tensor_type.shape.dim]
    kind = entry.type.tensor_type.elem_type
    if kind == TensorProto.UINT8 and shape[1:] == [size, size, 3]:
        nodes = [helper.make_node("Identity", [PIXELS_INPUT], [entry.name])]
    elif len(shape) == 4 and shape[1] in (0, 3) and {shape[2], shape[3]} <= {0, size}:
        nodes = _normalisation_nodes(model, entry.name, kind, mean, std)
    else:
        raise GraphError(f"{source}: the input is {shape}, {size} x {size} pictures were announced")
    batch = shape[0] if shape[0] > 0 else 0
    pixels = helper.make_tensor_value_info(PIXELS_INPUT, TensorProto.UINT8, [batch or "N", size, size, 3])
    dims = _wrap_graph(model, entry, pixels, nodes, batch)
    return replace(_save(model, target, dims, batch), normalises=kind == TensorProto.UINT8)


def fold_text(source: Path, target: Path, length: int) -> tuple[GraphFacts, bool]:
    """Write a text graph that takes int64 ids (and mask) and gives unit vectors; returns facts, and if it has a mask.

    Raises GraphError for a graph of another shape.
    """
    model = _load(source)
    entries = _inputs(model)
    masks = [one for one in entries if "mask" in one.name]
    ids = [one for one in entries if one not in masks]
    if len(ids) != 1 or len(masks) > 1:
        raise GraphError(f"{source}: inputs {', '.join(one.name for one in entries)}; ids and a mask were expected")
    width = ids[0].type.tensor_type.shape.dim[1].dim_value
    if width not in (0, length):
        raise GraphError(f"{source}: rows of {width} tokens, its configuration says {length}")
    batch = ids[0].type.tensor_type.shape.dim[0].dim_value
    nodes, values = [], []
    for entry, name in [(ids[0], TOKENS_INPUT), *((one, TOKENS_INPUT + "_mask") for one in masks)]:
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
    except Exception as error:  # protobuf, missing weights, unreadable: each says so in words of its own
        raise GraphError(f"{source} is no ONNX graph: {error}") from error


def _inputs(model: Any) -> list[Any]:
    stored = {weight.name for weight in model.graph.initializer}
    return [one for one in model.graph.input if one.name not in stored]


def _only_input(model: Any, source: Path) -> Any:
    entries = _inputs(model)
    if len(entries) != 1:
        raise GraphError(f"{source}: inputs {', '.join(one.name for one in entries)}; one picture was expected")
    return entries[0]


def _normalisation_nodes(model: Any, entry: str, kind: int, mean: list[float], std: list[float]) -> list[Any]:
    """(pixels / 255 - mean) / std, as torchvision's ToTensor and Normalize compute it, then to planes."""
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
    """Put nodes before the graph and unit length behind its first output; returns the numbers a vector."""
    first = model.graph.output[0]
    shape = [d.dim_value for d in first.type.tensor_type.shape.dim]
    if len(shape) != 2:  # [N, dims]
        raise GraphError(f"the first output is {shape}; a vector a row was expected")
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
    big = sum(len(weight.raw_data) for weight in model.graph.initializer) > MAX_INLINE_BYTES
    onnx.save(model, target, save_as_external_data=big, location=target.name + ".data" if big else None)
    halves = sum(w.data_type == TensorProto.FLOAT16 for w in model.graph.initializer)
    opset = next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), 0)
    return GraphFacts(dims, opset, "fp16" if 2 * halves > len(model.graph.initializer) else "fp32", batch)

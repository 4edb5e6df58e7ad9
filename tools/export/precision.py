"""Quantise a graph to eight bits: signed bytes as weights of matrix products, activations quantised at run time."""

from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from tools.export.graph import save_graph, strip_metadata


def quantise(path: Path) -> None:
    """Rewrite an fp32 graph in place: dynamic, per channel, signed; convolutions stay as they are.

    Static quantisation was worse: calibrated ranges break the cosine (0.5 to 0.9). ONNX Runtime runs integer
    convolutions slower than those in float32.
    """
    bare, small = path.with_suffix(".bare"), path.with_suffix(".int8")
    graph = onnx.load(path)
    # Intermediate shapes are inferred again: those of the exporter need not agree once operators are merged.
    del graph.graph.value_info[:]
    bare.write_bytes(graph.SerializeToString())
    quantize_dynamic(bare, small, op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QInt8)
    graph = onnx.load(small)
    bare.unlink()
    small.unlink()
    strip_metadata(graph)
    save_graph(graph, path)

"""The same graph in eight bits: weights of matrix products as signed bytes, activations measured as they come."""

from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from tools.export.graph import save_graph, strip_metadata


def quantise(path: Path) -> None:
    """Rewrites an fp32 graph in place: dynamic, per channel, signed; convolutions stay as they are.

    Static quantisation lost: calibrated ranges break the cosine (0.5 to 0.9). Integer convolutions lost: ONNX Runtime
    runs them slower than those in float32.
    """
    bare, small = path.with_suffix(".bare"), path.with_suffix(".int8")
    graph = onnx.load(path)
    # The shapes between are inferred anew; those that the exporter noted need not agree once operators are merged.
    del graph.graph.value_info[:]
    bare.write_bytes(graph.SerializeToString())
    quantize_dynamic(bare, small, op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QInt8)
    graph = onnx.load(small)
    bare.unlink()
    small.unlink()
    strip_metadata(graph)
    save_graph(graph, path)

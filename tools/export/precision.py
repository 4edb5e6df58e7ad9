"""The same graph in eight bits: weights of matrix products as signed bytes, activations measured as they come."""

from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from tools.export.graph import save, strip


def quantise(path: Path) -> None:
    """Rewrites an fp32 graph in place: dynamic, per channel, signed; convolutions stay as they are.

    Static quantisation lost: calibrated ranges break the cosine (0.5 to 0.9). Integer convolutions lost: ONNX Runtime
    runs them slower than those in float32.
    """
    small = path.with_suffix(".int8")
    quantize_dynamic(path, small, op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QInt8)
    graph = onnx.load(small)
    small.unlink()
    strip(graph)
    save(graph, path)

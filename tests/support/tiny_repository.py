"""A prepared repository in Immich's layout, so small that it is built here: a picture half and a text half."""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

SIDE, DIMS, LENGTH = 32, 48, 8
WORDS = ["<pad>", "<unk>", "a", "red", "blue", "shrine", "under", "full", "moon"]
PREPROCESS = {
    "size": [SIDE, SIDE],
    "mode": "RGB",
    "mean": [0.48, 0.45, 0.4],
    "std": [0.26, 0.25, 0.27],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
    "fill_color": 0,
}
CONFIG = {"embed_dim": DIMS, "text_cfg": {"context_length": LENGTH, "vocab_size": len(WORDS)}}


def picture_graph(batch: int | str = "batch") -> bytes:
    """float32 [batch, 3, SIDE, SIDE] to [batch, DIMS]: mean colours of a 4 x 4 grid."""
    nodes = [
        helper.make_node("AveragePool", ["image"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Flatten", ["cells"], ["embedding"], axis=1),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, SIDE, SIDE])
    out = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, DIMS])
    return _model(helper.make_graph(nodes, "visual", [image], [out]))


def text_graph() -> bytes:
    """int32 [batch, LENGTH] to [batch, DIMS]: the mean of rows of a table."""
    table = np.random.default_rng(0).normal(size=(len(WORDS), DIMS)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "text"], ["rows"]),
        helper.make_node("ReduceMean", ["rows"], ["embedding"], axes=[1], keepdims=0),
    ]
    text = helper.make_tensor_value_info("text", TensorProto.INT32, ["batch", LENGTH])
    out = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMS])
    weights = [numpy_helper.from_array(table, "table")]
    return _model(helper.make_graph(nodes, "textual", [text], [out], weights))


def _model(graph: onnx.GraphProto) -> bytes:
    made: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    return made


def tokeniser() -> bytes:
    """Words of a list, in lower case."""
    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made.to_str().encode()


def repository(**changes: object) -> dict[str, bytes]:
    """Files by path; `changes` go into preprocess_cfg.json."""
    return {
        "config.json": json.dumps(CONFIG).encode(),
        "visual/model.onnx": picture_graph(),
        "visual/preprocess_cfg.json": json.dumps(PREPROCESS | changes).encode(),
        "textual/model.onnx": text_graph(),
        "textual/tokenizer.json": tokeniser(),
        "textual/tokenizer_config.json": json.dumps({"pad_token": "<pad>"}).encode(),
    }

"""A bundle so small that it is written by hand: mean colours of a 4 x 4 grid, as a unit vector of 48 numbers.

The graph is encoded as protobuf (onnx.proto3) here, so that no test needs the onnx package.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

SIDE, CELLS, DIMS = 32, 4, 48
FLOAT, UINT8 = 1, 2  # TensorProto.DataType


def tiny_graph(side: int = SIDE) -> bytes:
    """An ONNX model: uint8 [N, side, side, 3] to float32 [N, 48] of length 1."""
    cell = side // CELLS
    nodes = [
        _node("Cast", "pixels", "real", _int("to", FLOAT)),
        _node("Transpose", "real", "planes", _ints("perm", [0, 3, 1, 2])),
        _node("AveragePool", "planes", "cells", _ints("kernel_shape", [cell, cell]), _ints("strides", [cell, cell])),
        _node("Flatten", "cells", "row", _int("axis", 1)),
        _node("Sub", ["row", "middle"], "centred"),
        _node("LpNormalization", "centred", "vector", _int("axis", 1), _int("p", 2)),
    ]
    middle = _varint(2, FLOAT) + _bytes(8, b"middle") + _bytes(9, np.float32(127.3).tobytes())
    graph = b"".join(
        [
            *(_bytes(1, node) for node in nodes),
            _bytes(2, b"tiny"),
            _bytes(5, middle),
            _bytes(11, _value("pixels", UINT8, [side, side, 3])),
            _bytes(12, _value("vector", FLOAT, [DIMS])),
        ]
    )
    return _varint(1, 8) + _bytes(7, graph) + _bytes(8, _varint(2, 17))


def write_tiny_bundle(folder: Path, goldens: dict[str, bytes] | None = None, **changes: Any) -> Path:
    """Writes a bundle; `changes` replace top-level keys of bundle.json. Goldens are measured by a plain Pillow path."""
    folder.mkdir(parents=True, exist_ok=True)
    graph = tiny_graph()
    (folder / "model.onnx").write_bytes(graph)
    said: dict[str, Any] = {
        "name": "tiny",
        "version": 1,
        "licence": "Apache-2.0",
        "graph": "model.onnx",
        "graph_sha256": hashlib.sha256(graph).hexdigest(),
        "dims": DIMS,
        "input": {"name": "pixels", "layout": "NHWC", "dtype": "uint8", "height": SIDE, "width": SIDE},
        "output": {"name": "vector", "normalised": True},
        "preprocess": {"resize": "squash", "interpolation": "bicubic", "scaled_jpeg": 2.0, "background": [255] * 3},
        "near_duplicate_cosine": 0.97,
        "opset": 17,
        "seed": 0,
        "made_with": {"hand": "1"},
        "goldens": list(goldens or {}),
        "golden_threshold": 0.999,
    }
    (folder / "bundle.json").write_text(json.dumps(said | changes, indent=1), "utf-8")
    if goldens:
        _write_goldens(folder / "goldens", goldens)
    return folder


def reference_vectors(pixels: np.ndarray) -> np.ndarray:
    """What the graph gives, by numpy: float32 [N, 48]."""
    count, side = pixels.shape[:2]
    cell = side // CELLS
    grid = pixels.astype(np.float64).reshape(count, CELLS, cell, CELLS, cell, 3).mean(axis=(2, 4))
    rows = grid.transpose(0, 3, 1, 2).reshape(count, -1) - 127.3
    vectors: np.ndarray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return vectors


def _write_goldens(folder: Path, goldens: dict[str, bytes]) -> None:
    from io import BytesIO

    from PIL import Image, ImageOps

    folder.mkdir()
    pixels = []
    for name, data in goldens.items():
        (folder / name).write_bytes(data)
        upright = ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB")
        pixels.append(np.asarray(upright.resize((SIDE, SIDE), Image.Resampling.BICUBIC)))
    stack = np.stack(pixels)
    np.savez_compressed(folder / "reference.npz", pixels=stack, vectors=reference_vectors(stack))


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _varint(field: int, value: int) -> bytes:
    return _number(field << 3) + _number(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _number(field << 3 | 2) + _number(len(value)) + value


def _int(name: str, value: int) -> bytes:
    return _bytes(1, name.encode()) + _varint(3, value) + _varint(20, 2)


def _ints(name: str, values: list[int]) -> bytes:
    return _bytes(1, name.encode()) + b"".join(_varint(8, v) for v in values) + _varint(20, 7)


def _node(kind: str, source: str | list[str], target: str, *attributes: bytes) -> bytes:
    sources = [source] if isinstance(source, str) else source
    parts = [_bytes(1, s.encode()) for s in sources]
    return b"".join([*parts, _bytes(2, target.encode()), _bytes(4, kind.encode()), *(_bytes(5, a) for a in attributes)])


def _value(name: str, kind: int, shape: list[int]) -> bytes:
    dims = [_bytes(1, _bytes(2, b"N")), *(_bytes(1, _varint(1, size)) for size in shape)]
    tensor = _varint(1, kind) + _bytes(2, b"".join(dims))
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor))

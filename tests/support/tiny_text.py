"""A text tower so small that it is written by hand: the mean of its words' vectors, as a unit vector of 48 numbers."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.tiny_bundle import DIMS, _bytes, _int, _ints, _node, _number, _value, _varint, write_tiny_bundle

WORDS = ("<pad>", "<unk>", "<s>", "</s>", "red", "green", "blue", "moon", "shrine")
LENGTH, FLOAT, INT64 = 6, 1, 7
STRINGS = ("Red  moon", "", "a shrine &amp; a moon", "blue " * 40)
TABLE = np.random.default_rng(5).normal(size=(len(WORDS), DIMS)).astype(np.float32)


def tower_graph(table: np.ndarray = TABLE) -> bytes:
    """An ONNX model: int64 [N, 6] to float32 [N, 48] of length 1. `table`: float32 [words, 48]."""
    nodes = [
        _node("Gather", ["table", "ids"], "rows", _int("axis", 0)),
        _node("ReduceMean", "rows", "mean", _ints("axes", [1]), _int("keepdims", 0)),
        _node("LpNormalization", "mean", "said", _int("axis", 1), _int("p", 2)),
    ]
    shape = _bytes(1, b"".join(_number(size) for size in table.shape))
    tensor = shape + _varint(2, FLOAT) + _bytes(8, b"table") + _bytes(9, table.tobytes())
    graph = b"".join(
        [
            *(_bytes(1, node) for node in nodes),
            _bytes(2, b"tower"),
            _bytes(5, tensor),
            _bytes(11, _value("ids", INT64, [LENGTH])),
            _bytes(12, _value("said", FLOAT, [DIMS])),
        ]
    )
    return _varint(1, 8) + _bytes(7, graph) + _bytes(8, _varint(2, 17))


def tower_tokens(texts: tuple[str, ...] = STRINGS) -> np.ndarray:
    """What the source's tokeniser would say, by hand: int64 [N, 6]."""
    rows = []
    for text in texts:
        words = text.replace("&amp;", "&").lower().split()[: LENGTH - 2]
        ids = [2, *(WORDS.index(word) if word in WORDS else 1 for word in words), 3]
        rows.append(ids + [0] * (LENGTH - len(ids)))
    return np.array(rows, np.int64)


def tower_vectors(ids: np.ndarray, table: np.ndarray = TABLE) -> np.ndarray:
    """What the graph gives, by numpy: float32 [N, 48]."""
    mean = table[ids].mean(axis=1)
    vectors: np.ndarray = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return vectors


def write_talking_bundle(
    folder: Path, goldens: dict[str, bytes] | None = None, more: dict[str, np.ndarray] | None = None, **changes: Any
) -> Path:
    """A bundle of version 2 with a text tower; `changes` replace keys of its text part. `more`: words that it knows
    beside its own, and their vectors, float32 [48].
    """
    known = (*WORDS, *(more or {}))
    table = np.vstack([TABLE, *(more or {}).values()]).astype(np.float32)
    tokenizer = {
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": LENGTH, "strategy": "LongestFirst", "stride": 0},
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {
            "type": "BertProcessing",
            "sep": ["</s>", 3],
            "cls": ["<s>", 2],
        },
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {word: at for at, word in enumerate(known)}, "unk_token": "<unk>"},
    }
    words = json.dumps(tokenizer).encode()
    text = {
        "graph": "text.onnx",
        "graph_sha256": hashlib.sha256(tower_graph(table)).hexdigest(),
        "tokenizer": "tokenizer.json",
        "tokenizer_sha256": hashlib.sha256(words).hexdigest(),
        "clean": ["tidy", "html", "spaces", "lower"],
        "length": LENGTH,
        "pad": 0,
        "ids": "ids",
        "mask": None,
        "output": "said",
        "logit_scale": 100,
        "logit_bias": None,
        "goldens": list(STRINGS),
    }
    second = {
        "version": 2,
        "source": {"family": "hand", "name": "tiny", "revision": "random seed 5"},
        "precision": "fp32",
        "golden_decibels": 50,
        "attested": {"cosine": 1.0},
        "text": text | changes,
    }
    write_tiny_bundle(folder, goldens, **second)
    (folder / "text.onnx").write_bytes(tower_graph(table))
    (folder / "tokenizer.json").write_bytes(words)
    (folder / "goldens").mkdir(exist_ok=True)
    ids = tower_tokens()
    np.savez(folder / "goldens" / "text.npz", ids=ids, vectors=tower_vectors(ids))
    return folder

"""The text tower's network, run."""

import numpy as np

from models.bundle.text_tower import TextTower
from models.runtime.onnx_session import check_dims, fixed_batch, load_graph
from models.runtime.provider import CPU, DEFAULT_BATCH
from models.runtime.session import unit_rows


class TextSession:
    """A loaded graph, on the CPU: a query is one row, and the GPU's memory belongs to the pictures."""

    def __init__(self, tower: TextTower, dims: int, *, threads: int = 0) -> None:
        """Raises BundleError for a graph that cannot be loaded, or that gives vectors of another length."""
        self._tower, self._dims = tower, dims
        self._live = load_graph(tower.graph, [CPU], threads)
        check_dims(tower.graph, self._live, dims)
        self._step = fixed_batch(self._live) or DEFAULT_BATCH[CPU]
        self._fixed = bool(fixed_batch(self._live))

    def run(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Two int64 [N, length] to float32 [N, dims], each of length 1. Raises what ONNX Runtime raises, ValueError."""
        if not len(ids):
            return np.empty((0, self._dims), np.float32)
        step, count = self._step, len(ids)
        if self._fixed and count % step:
            ids, mask = (np.concatenate([rows, np.repeat(rows[-1:], step - count % step, 0)]) for rows in (ids, mask))
        parts = [self._run(ids[i : i + step], mask[i : i + step]) for i in range(0, len(ids), step)]
        return unit_rows(np.concatenate(parts)[:count])

    def _run(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        given = {self._tower.ids: ids} | ({self._tower.mask: mask} if self._tower.mask else {})
        vectors: np.ndarray = self._live.run([self._tower.output], given)[0]
        if vectors.shape != (len(ids), self._dims):
            raise ValueError(f"the text model gave {vectors.shape}, its bundle says {self._dims} numbers a text")
        return vectors

"""A session of the text tower's network."""

import numpy as np

from models.bundle.text_tower import TextTower
from models.runtime.onnx_session import check_dims, fixed_batch, load_graph
from models.runtime.provider import CPU, DEFAULT_BATCH
from models.runtime.session import unit_rows


class TextSession:
    """A loaded graph on the CPU: a query is one row, and the GPU's memory is reserved for images."""

    def __init__(self, tower: TextTower, dims: int, *, threads: int = 0) -> None:
        """Raises BundleError for a graph that cannot be loaded, or whose vectors have another length."""
        self._tower, self._dims = tower, dims
        self._session = load_graph(tower.graph, [CPU], threads)
        check_dims(tower.graph, self._session, dims)
        self._batch = fixed_batch(self._session) or DEFAULT_BATCH[CPU]
        self._pad_batches = bool(fixed_batch(self._session))

    def run(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Map ids and mask to unit vectors, float32 [N, dims]. Raises ValueError, or what ONNX Runtime raises."""
        if not len(ids):
            return np.empty((0, self._dims), np.float32)
        step, count = self._batch, len(ids)
        if self._pad_batches and count % step:
            ids, mask = (np.concatenate([rows, np.repeat(rows[-1:], step - count % step, 0)]) for rows in (ids, mask))
        parts = [self._run(ids[i : i + step], mask[i : i + step]) for i in range(0, len(ids), step)]
        return unit_rows(np.concatenate(parts)[:count])

    def _run(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        inputs = {self._tower.ids: ids} | ({self._tower.mask: mask} if self._tower.mask else {})
        vectors: np.ndarray = self._session.run([self._tower.output], inputs)[0]
        if vectors.shape != (len(ids), self._dims):
            raise ValueError(f"the text model returned {vectors.shape}, its bundle says {self._dims} numbers per text")
        return vectors

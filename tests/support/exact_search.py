"""Exact search for one query, which the index is compared with."""

from catalog.store.database import Database
from catalog.store.vectors import Floats, VectorHit, exact_nearest_each


def exact_nearest(database: Database, model: int, dims: int, query: Floats, k: int) -> list[VectorHit]:
    """Return the k live vectors with the highest cosine to the query (float32 [D], unit length), best first."""
    return exact_nearest_each(database, model, dims, query.reshape(1, dims), k)[0]

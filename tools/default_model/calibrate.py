"""The cosine above which two pictures are offered as near duplicates."""

import numpy as np
from numpy.typing import NDArray

FALSE_POSITIVE_RATE = 1e-4
"""Of pairs of different procedural pictures, siblings left out, the share above the threshold."""


def near_duplicate_cosine(vectors: NDArray[np.float32]) -> float:
    """The threshold for unit vectors [pictures, d] of held-out pictures, rounded up to 0.01."""
    cosines = vectors @ vectors.T
    rows, columns = np.triu_indices(len(vectors), 1)
    strangers = rows // 2 != columns // 2
    limit = np.quantile(cosines[rows[strangers], columns[strangers]], 1 - FALSE_POSITIVE_RATE)
    return round(float(np.ceil(limit * 100)) / 100, 2)

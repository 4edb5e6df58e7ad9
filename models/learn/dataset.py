"""What is learned from: labelled rows, and augmented views of them that nothing is ever judged on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.learn.logistic import Floats


@dataclass(frozen=True, slots=True)
class AugmentedViews:
    """`rows`: float32 [M, F], features of changed pictures. `of`: int64 [M], the labelled row that each shows."""

    rows: Floats
    of: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """`rows`: float32 [N, F], of about unit variance. `wanted`: float32 [N], 1 = delete. `views`: scaled as `rows`."""

    rows: Floats
    wanted: Floats
    views: AugmentedViews | None = None

    def where(self, inside: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Rows and labels to learn from: those inside (bool [N]), and views of those only."""
        if self.views is None:
            return self.rows[inside], self.wanted[inside]
        shown = inside[self.views.of]
        more = self.views.of[shown]
        rows = np.vstack([self.rows[inside], self.views.rows[shown]])
        return rows, np.concatenate([self.wanted[inside], self.wanted[more]])

    def whole(self) -> tuple[Floats, Floats]:
        """Everything, for the weights that are kept."""
        return self.where(np.ones(len(self.rows), bool))

    def columns(self, first: int) -> "TrainingData":
        """Without the first columns."""
        views = None if self.views is None else AugmentedViews(self.views.rows[:, first:], self.views.of)
        return TrainingData(self.rows[:, first:], self.wanted, views)

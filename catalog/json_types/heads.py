"""The JSON of `train` and `head`."""

from typing import Any, TypedDict


class NewestLabelsJson(TypedDict):
    """Metrics on the newest images, from a head trained on the older ones. Each metric is [value, low, high]."""

    labels: int  # number of labels it was tested on
    auc: list[float | None]  # area under the ROC curve, 0 to 1, with its 95 % interval
    average_precision: list[float | None]  # average precision, 0 to 1, with its 95 % interval


class TrainingMetricsJson(TypedDict):
    """Held-out metrics of a trained head."""

    labels: int  # number of labels it was trained on
    deleted: int  # number of those that are delete
    groups: int  # groups of near duplicates, which never span a split
    views: int  # augmented views used for training
    named: bool  # whether text vectors of the file names were used
    kind: str  # kind of classifier: line (logistic regression) or net (small network)
    strength: float  # strength of the regularisation
    folds: int  # folds of the cross-validation
    seed: int  # seed of the folds and intervals
    figures: dict[str, Any]  # metric: [value, low, high] with a 95 % interval; `within_bursts`: one value
    no_pixels: dict[str, Any]  # the same metrics for a head without the image vectors
    chance: dict[str, float]  # metric: value that a random ranking would reach
    newest: NewestLabelsJson | None  # metrics on the newest images; null if they are all of one class
    noise: list[float]  # estimated share of wrong labels among keep and among delete, 0 to 1


class HeadJson(TrainingMetricsJson):
    """`catalog head list`: one line per head, newest first."""

    head: int  # number of the head
    made_at: str  # when it was trained, UTC
    used: bool  # whether it scores the images
    model: str  # digest of the model whose vectors it needs
    model_name: str  # name of that model


class TrainJson(TrainingMetricsJson):
    """`catalog train`: one object."""

    head: int  # number of the new head
    used: bool  # whether it scores the images from now on
    why: str  # why it is used or not
    scored: int  # images scored by this command; a running service scores them itself

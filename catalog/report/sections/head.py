"""The section on the keep/delete head: metrics, distribution of scores, and drift of new images."""

from math import sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from catalog.context import CatalogContext
from catalog.formatting import format_utc
from catalog.heads.retraining import head_status
from catalog.heads.scoring import scoring_lag
from catalog.heads.stored_head import StoredHead, active_head
from catalog.report.elements import Baseline, Plot, PlotPoint, Section
from catalog.report.wording import DAY_SECONDS, format_duration, pluralize
from catalog.store.database import Database

if TYPE_CHECKING:
    from catalog.json_types.report import HeadSectionJson

NEW_DAYS = 7
BINS = 20
MIN_NEW_FILES = 30  # the mean of fewer new files says nothing
MIN_SHIFT, MIN_SIGMAS = 0.1, 3.0  # a difference of means that matters, and that is not chance
MEAN_SCORES_SQL = (
    "SELECT f.first_seen > ?, count(*), avg(s.p_delete), avg(s.p_delete * s.p_delete) FROM score s"
    " JOIN file f ON f.content = s.content AND f.state = 'ok' WHERE s.head = ? GROUP BY 1"
)
HISTOGRAM_SQL = (
    "SELECT CAST(min(s.p_delete * ?, ? - 1) AS INTEGER), count(*) FROM score s JOIN content c ON c.id = s.content"
    " WHERE s.head = ? AND c.refs > 0 GROUP BY 1"
)
METRICS = (("auc", "AUC"), ("average_precision", "average precision"), ("calibration_error", "calibration error"))


class MeanScore(NamedTuple):
    """Mean p_delete of a number of files, with the variance of a single file's."""

    files: int = 0
    mean: float = 0.0
    variance: float = 0.0


class Drift(NamedTuple):
    """Mean scores of new and older files. `moved`: whether they differ significantly (`has_drifted`)."""

    new: MeanScore
    old: MeanScore
    moved: bool


def section(context: CatalogContext, now: float, baseline: Baseline) -> Section:
    """Show the held-out metrics as of training, drift, and a histogram of p_delete."""
    stored = active_head(context.database)
    if stored is None:
        none: HeadSectionJson = {"id": None}
        return Section("Head", "No head has been trained yet", record=none)
    drift = _drift(context.database, stored.id, now - NEW_DAYS * DAY_SECONDS)
    unscored = scoring_lag(context.database)
    status = head_status(context.database, None)
    training = stored.head.record
    return Section(
        "Head",
        f"Head {stored.id}, trained {format_duration(max(0.0, now - stored.made_at))} ago on"
        f" {pluralize(training['labels'], 'label')}{_format_metrics(training['figures'])}",
        lines=(
            *([_drift_line(drift)] if drift.new.files and drift.old.files else []),
            *([f"{pluralize(unscored, 'change')} not scored yet"] if unscored else []),
            *([f"It was trained for the previous model. {status['problem']}".strip()] * (status["state"] == "owed")),
        ),
        plot=_plot(context.database, stored.id),
        more="catalog train" if drift.moved or status["state"] == "owed" else "",
        record=_record(stored, unscored, drift),
    )


def _record(stored: StoredHead, unscored: int, drift: Drift) -> "HeadSectionJson":
    training, new, old = stored.head.record, drift.new, drift.old
    return {
        "id": stored.id,
        "made_at": format_utc(stored.made_at),
        "labels": training["labels"],
        "figures": training["figures"],
        "lag": unscored,
        "drift": {
            "new": new.mean,
            "new_files": new.files,
            "old": old.mean,
            "old_files": old.files,
            "moved": drift.moved,
        },
    }


def has_drifted(new: MeanScore, old: MeanScore) -> bool:
    """Return whether the means differ by more than chance (Welch's t-test) and by enough to matter. Pure."""
    if min(new.files, old.files) < MIN_NEW_FILES:
        return False
    error = sqrt(new.variance / new.files + old.variance / old.files)
    return abs(new.mean - old.mean) > max(MIN_SHIFT, MIN_SIGMAS * error)


def _drift(database: Database, head: int, since: float) -> Drift:
    rows = database.rows(MEAN_SCORES_SQL, since, head)
    means = {bool(fresh): MeanScore(files, mean, max(0.0, square - mean * mean)) for fresh, files, mean, square in rows}
    new, old = means.get(True, MeanScore()), means.get(False, MeanScore())
    return Drift(new, old, has_drifted(new, old))


def _drift_line(drift: Drift) -> str:
    line = f"Mean p_delete of the last {NEW_DAYS} days: {drift.new.mean:.3f}, of older files: {drift.old.mean:.3f}"
    if not drift.moved:
        return line
    return f"{line}. New images differ from those the head was trained on: label some of them, then train"


def _format_metrics(figures: dict[str, Any]) -> str:
    values = []
    for name, title in METRICS:
        value, *_ = figures.get(name) or (None,)
        if value is not None:
            values.append(f"{title} {value:.3f}")
    return f": {', '.join(values)}" if values else ""


def _plot(database: Database, head: int) -> Plot | None:
    counts: dict[int, int] = dict(database.rows(HISTOGRAM_SQL, BINS, BINS, head))
    if not counts:
        return None
    points = (PlotPoint(f"{bin_ / BINS:.2f} to {(bin_ + 1) / BINS:.2f}", counts.get(bin_, 0)) for bin_ in range(BINS))
    return Plot("Images by p_delete, from 0 (keep) to 1 (delete)", tuple(points))

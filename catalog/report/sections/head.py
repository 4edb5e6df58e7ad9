"""The head that tells keep from delete: its figures, how its scores lie, and whether what comes in has drifted."""

from math import sqrt
from typing import Any, NamedTuple

from catalog.context import CatalogContext
from catalog.formatting import format_utc
from catalog.heads.retraining import head_status
from catalog.heads.scoring import scoring_lag
from catalog.heads.stored_head import active_head
from catalog.report.elements import Baseline, Plot, PlotPoint, Section
from catalog.report.wording import DAY_SECONDS, format_duration, pluralize
from catalog.store.database import Database

NEW_DAYS = 7
BINS = 20
MIN_NEW_FILES = 30  # new files: fewer tell nothing of a mean
MIN_SHIFT, MIN_SIGMAS = 0.1, 3.0  # a difference of means that matters, and that is no chance
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
    """Of p_delete over so many files, with the variance of one."""

    files: int = 0
    mean: float = 0.0
    variance: float = 0.0


def section(asking: CatalogContext, now: float, last: Baseline) -> Section:
    """Held-out figures as they were at training, drift, and a histogram of p_delete."""
    kept = active_head(asking.database)
    if kept is None:
        return Section("Head", "Nothing was learned yet", record={"id": None})
    told = kept.head.record
    new, old = _mean_scores(asking.database, kept.id, now - NEW_DAYS * DAY_SECONDS)
    moved, waiting = has_drifted(new, old), scoring_lag(asking.database)
    owed = head_status(asking.database, None)
    return Section(
        "Head",
        f"Head {kept.id}, trained {format_duration(max(0.0, now - kept.made_at))} "
        f"ago on {pluralize(told['labels'], 'label')}" + _format_metrics(told["figures"]),
        lines=(
            *([_drift_line(new, old, moved)] if new.files and old.files else []),
            *([f"{pluralize(waiting, 'change')} not scored yet"] if waiting else []),
            *([f"It is of the model before. {owed['problem']}".strip()] if owed["state"] == "owed" else []),
        ),
        plot=_plot(asking.database, kept.id),
        more="catalog train" if moved or owed["state"] == "owed" else "",
        record={
            "id": kept.id,
            "made_at": format_utc(kept.made_at),
            "labels": told["labels"],
            "figures": told["figures"],
            "lag": waiting,
            "drift": {"new": new.mean, "new_files": new.files, "old": old.mean, "old_files": old.files, "moved": moved},
        },
    )


def has_drifted(new: MeanScore, old: MeanScore) -> bool:
    """Whether new files score otherwise than older ones by more than chance (Welch's t) and enough to matter. Pure."""
    if min(new.files, old.files) < MIN_NEW_FILES:
        return False
    error = sqrt(new.variance / new.files + old.variance / old.files)
    return abs(new.mean - old.mean) > max(MIN_SHIFT, MIN_SIGMAS * error)


def _mean_scores(database: Database, head: int, since: float) -> tuple[MeanScore, MeanScore]:
    rows = database.rows(MEAN_SCORES_SQL, since, head)
    found = {bool(fresh): MeanScore(files, mean, max(0.0, square - mean * mean)) for fresh, files, mean, square in rows}
    return found.get(True, MeanScore()), found.get(False, MeanScore())


def _drift_line(new: MeanScore, old: MeanScore, moved: bool) -> str:
    told = f"Mean p_delete of the last {NEW_DAYS} days: {new.mean:.3f}, of older files: {old.mean:.3f}"
    return f"{told}. What comes in is unlike what was learned from: label some of it, and train" if moved else told


def _format_metrics(figures: dict[str, Any]) -> str:
    told = [
        f"{word} {figures[name][0]:.3f}" for name, word in METRICS if figures.get(name) and figures[name][0] is not None
    ]
    return f": {', '.join(told)}" if told else ""


def _plot(database: Database, head: int) -> Plot | None:
    counts: dict[int, int] = dict(database.rows(HISTOGRAM_SQL, BINS, BINS, head))
    if not counts:
        return None
    points = (
        PlotPoint(f"{place / BINS:.2f} to {(place + 1) / BINS:.2f}", counts.get(place, 0)) for place in range(BINS)
    )
    return Plot("Pictures by p_delete, from 0 (keep) to 1 (delete)", tuple(points))

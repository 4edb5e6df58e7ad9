"""The head that tells keep from delete: its figures, how its scores lie, and whether what comes in has drifted."""

from math import sqrt
from typing import Any, NamedTuple

from catalog.context import Asking
from catalog.formatting import moment
from catalog.heads.retraining import head_standing
from catalog.heads.scoring import lag
from catalog.heads.stored_head import standing
from catalog.report.elements import Last, Plot, Point, Section
from catalog.report.wording import DAY, ago, many
from catalog.store.database import Database

NEW_DAYS = 7
BINS = 20
FEWEST = 30  # new files: fewer tell nothing of a mean
SHIFT, SIGMAS = 0.1, 3.0  # a difference of means that matters, and that is no chance
MEANS = (
    "SELECT f.first_seen > ?, count(*), avg(s.p_delete), avg(s.p_delete * s.p_delete) FROM score s"
    " JOIN file f ON f.content = s.content AND f.state = 'ok' WHERE s.head = ? GROUP BY 1"
)
HISTOGRAM = (
    "SELECT CAST(min(s.p_delete * ?, ? - 1) AS INTEGER), count(*) FROM score s JOIN content c ON c.id = s.content"
    " WHERE s.head = ? AND c.refs > 0 GROUP BY 1"
)

FIGURES = (("auc", "AUC"), ("average_precision", "average precision"), ("calibration_error", "calibration error"))


class Mean(NamedTuple):
    """Of p_delete over so many files, with the variance of one."""

    files: int = 0
    mean: float = 0.0
    variance: float = 0.0


def section(asking: Asking, now: float, last: Last) -> Section:
    """Held-out figures as they were at training, drift, and a histogram of p_delete."""
    kept = standing(asking.database)
    if kept is None:
        return Section("Head", "Nothing was learned yet", record={"id": None})
    told = kept.head.record
    new, old = _means(asking.database, kept.id, now - NEW_DAYS * DAY)
    moved, waiting = drifted(new, old), lag(asking.database)
    owed = head_standing(asking.database, None)
    return Section(
        "Head",
        f"Head {kept.id}, trained {ago(max(0.0, now - kept.made_at))} ago on {many(told['labels'], 'label')}"
        + _figures(told["figures"]),
        lines=(
            *([_drift(new, old, moved)] if new.files and old.files else []),
            *([f"{many(waiting, 'change')} not scored yet"] if waiting else []),
            *([f"It is of the model before. {owed['problem']}".strip()] if owed["state"] == "owed" else []),
        ),
        plot=_plot(asking.database, kept.id),
        more="catalog train" if moved or owed["state"] == "owed" else "",
        record={
            "id": kept.id,
            "made_at": moment(kept.made_at),
            "labels": told["labels"],
            "figures": told["figures"],
            "lag": waiting,
            "drift": {"new": new.mean, "new_files": new.files, "old": old.mean, "old_files": old.files, "moved": moved},
        },
    )


def drifted(new: Mean, old: Mean) -> bool:
    """Whether new files score otherwise than older ones by more than chance (Welch's t) and enough to matter. Pure."""
    if min(new.files, old.files) < FEWEST:
        return False
    error = sqrt(new.variance / new.files + old.variance / old.files)
    return abs(new.mean - old.mean) > max(SHIFT, SIGMAS * error)


def _means(database: Database, head: int, since: float) -> tuple[Mean, Mean]:
    rows = database.rows(MEANS, since, head)
    found = {bool(fresh): Mean(files, mean, max(0.0, square - mean * mean)) for fresh, files, mean, square in rows}
    return found.get(True, Mean()), found.get(False, Mean())


def _drift(new: Mean, old: Mean, moved: bool) -> str:
    told = f"Mean p_delete of the last {NEW_DAYS} days: {new.mean:.3f}, of older files: {old.mean:.3f}"
    return f"{told}. What comes in is unlike what was learned from: label some of it, and train" if moved else told


def _figures(figures: dict[str, Any]) -> str:
    told = [
        f"{word} {figures[name][0]:.3f}" for name, word in FIGURES if figures.get(name) and figures[name][0] is not None
    ]
    return f": {', '.join(told)}" if told else ""


def _plot(database: Database, head: int) -> Plot | None:
    counts: dict[int, int] = dict(database.rows(HISTOGRAM, BINS, BINS, head))
    if not counts:
        return None
    points = (Point(f"{place / BINS:.2f} to {(place + 1) / BINS:.2f}", counts.get(place, 0)) for place in range(BINS))
    return Plot("Pictures by p_delete, from 0 (keep) to 1 (delete)", tuple(points))

"""A head after a change of model: other vectors mean nothing to the one in use, so one has to be trained anew.

Nothing is noted down for it. That the head in use is of another model than the one that answers, or of features that
another version had, says all: a service that is killed before it is done finds it so at its next start. Who never
trained has no head in use, and gets none.
"""

from typing import Any, NamedTuple

from catalog.client.protocol import StatusAnswer
from catalog.formatting import format_utc
from catalog.store.database import Database

SOON_SECONDS = 30.0  # seconds: a file that is due by then is waited for
ACTIVE_HEAD_SQL = (
    "SELECT h.id, h.made_at, m.id, m.id IS NOT h.model FROM head h LEFT JOIN model m ON m.role = 'current'"
    " WHERE h.role = 'current'"
)
TRAINING_LABELS_SQL = (
    "SELECT count(v.id), max(l.at), count(*) FROM label l LEFT JOIN vector v ON v.content = l.content AND v.model = ?"
)
PENDING_LABEL_SQL = (
    "SELECT 1 FROM label l JOIN file f ON f.content = l.content AND f.state = 'pending' AND f.due <= ?"
    " JOIN directory d ON d.id = f.directory JOIN volume o ON o.id = d.volume AND o.away IS NULL"
    " WHERE NOT EXISTS (SELECT 1 FROM vector v WHERE v.content = l.content AND v.model = ?) LIMIT 1"
)
TRAINING_FAILED, TRAINED = "not trained", "trained"  # kinds of events
LAST_TRAINING_SQL = (
    f"SELECT kind, detail FROM event WHERE kind IN ('{TRAINING_FAILED}', '{TRAINED}') ORDER BY at DESC, id DESC LIMIT 1"
)


class DueRetraining(NamedTuple):
    """A head for `model`. `labels`: how many have a vector of it, of `given` in all; `newest`: when the last was given.

    What cannot be learned from one of these cannot be learned from an equal one.
    """

    model: int
    labels: int
    given: int
    newest: float


def due_retraining(database: Database, now: float) -> DueRetraining | None:
    """None where the head in use can score, where none was ever in use, and while labelled files have still to be
    embedded.
    """
    row = database.row(ACTIVE_HEAD_SQL)
    if row is None or row[2] is None:
        return None
    from catalog.heads.stored_head import scoring_head  # brings numpy, which `status` does without

    if scoring_head(database) is not None:
        return None
    if database.rows(PENDING_LABEL_SQL, now + SOON_SECONDS, row[2]):
        return None
    labels, newest, given = database.row(TRAINING_LABELS_SQL, row[2]) or (0, None, 0)
    return DueRetraining(row[2], labels, given, newest or 0.0)


def head_status(database: Database, live: StatusAnswer | None) -> dict[str, Any]:
    """For `status`: `id` and `made_at` of the head whose scores stand, None without one; `state`: none, in use, owed
    or training; `problem`: why one that is owed could not be trained, or "".
    """
    row = database.row(ACTIVE_HEAD_SQL)
    if row is None:
        return {"id": None, "made_at": None, "state": "none", "problem": ""}
    state = "owed" if row[3] else "in use"
    if row[3] and live is not None and live["training"]:
        state = "training"
    last = database.row(LAST_TRAINING_SQL) if state == "owed" else None
    problem = str(last[1]) if last is not None and last[0] == TRAINING_FAILED else ""
    return {"id": row[0], "made_at": format_utc(row[1]), "state": state, "problem": problem}


def head_summary(standing: dict[str, Any]) -> str:
    """One line for people."""
    head = f"{standing['id']}, trained {standing['made_at']}"
    if standing["state"] == "in use":
        return head
    if standing["state"] == "training":
        return f"{head}, for the model before; one for this model is being trained"
    return f"{head}, for the model before: its scores stand till there is one for this model"

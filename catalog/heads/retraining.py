"""Whether the head has to be retrained, because the model changed or the stored head cannot be used.

No state is stored for this. A head in use that belongs to another model than the current one, or to the features of
another version, is reason enough: a service that was killed in between finds it at its next start. Without a head in
use nothing is trained.
"""

from typing import TYPE_CHECKING, NamedTuple

from catalog.client.protocol import StatusAnswer
from catalog.formatting import format_utc
from catalog.store.database import Database

if TYPE_CHECKING:
    from catalog.json_types.status import HeadStatusJson

SOON_SECONDS = 30.0  # training waits for labelled files that are due within this time
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


class ActiveHead(NamedTuple):
    """The head in use beside the current model, by id. `outdated`: it was trained for another model."""

    id: int
    made_at: float
    current_model: int | None
    outdated: bool


class DueRetraining(NamedTuple):
    """A training that is due for `model`. `labels`: how many have a vector, out of `given`; `newest`: time of the last.

    If training failed for one of these, it will fail again for an equal one.
    """

    model: int
    labels: int
    given: int
    newest: float


def _active_head(database: Database) -> ActiveHead | None:
    row = database.row(ACTIVE_HEAD_SQL)
    return None if row is None else ActiveHead(*row)


def due_retraining(database: Database, now: float) -> DueRetraining | None:
    """Return the training that is due. None if the head in use can score, if no head was ever in use, or while labelled
    files are still waiting to be embedded.
    """
    active = _active_head(database)
    if active is None or active.current_model is None:
        return None
    from catalog.heads.stored_head import scoring_head  # imports NumPy, which `status` does without

    model = active.current_model
    if scoring_head(database) is not None or database.rows(PENDING_LABEL_SQL, now + SOON_SECONDS, model):
        return None
    labels, newest, given = database.row(TRAINING_LABELS_SQL, model) or (0, None, 0)
    return DueRetraining(model, labels, given, newest or 0.0)


def head_status(database: Database, live: StatusAnswer | None) -> "HeadStatusJson":
    """Return the head's part of `status`: `id` and `made_at` of the head in use, None without one; `state`: none, in
    use, owed or training; `problem`: why the training that is due failed, or "".
    """
    active = _active_head(database)
    if active is None:
        return {"id": None, "made_at": None, "state": "none", "problem": ""}
    state = "owed" if active.outdated else "in use"
    if active.outdated and live is not None and live["training"]:
        state = "training"
    kind, detail = (database.row(LAST_TRAINING_SQL) if state == "owed" else None) or ("", "")
    problem = str(detail) if kind == TRAINING_FAILED else ""
    return {"id": active.id, "made_at": format_utc(active.made_at), "state": state, "problem": problem}


def head_summary(status: "HeadStatusJson") -> str:
    """Return one line for people."""
    head = f"{status['id']}, trained {status['made_at']}"
    if status["state"] == "in use":
        return head
    if status["state"] == "training":
        return f"{head}, for the model before; one for this model is being trained"
    return f"{head}, for the model before; its scores remain valid until one for this model is trained"

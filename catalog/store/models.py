"""The embedding models that vectors belong to: the current one, and the next one while images are embedded for it."""

from typing import NamedTuple

from catalog.errors import StoreError
from catalog.store.database import Database

COLUMNS = "id, digest, name, dims, provider, cosine, folder"


class Model(NamedTuple):
    """A row. `digest`: the bundle's id. `folder`: where the bundle was when it was last used on this machine.

    `provider` and `cosine` come from the last attestation on this machine.
    """

    id: int
    digest: str
    name: str
    dims: int
    provider: str
    cosine: float
    folder: str | None


def current_model(database: Database) -> Model | None:
    """Return the model in use, or None."""
    return _with_role(database, "current")


def require_current_model(database: Database) -> Model:
    """Return the model in use. Raises StoreError if nothing has been embedded yet."""
    model = current_model(database)
    if model is None:
        raise StoreError("the catalog has no vectors yet", "Start the service or run `catalogd --once` first.")
    return model


def next_model(database: Database) -> Model | None:
    """Return the model that replaces the current one once all images are embedded for it, or None."""
    return _with_role(database, "next")


def _with_role(database: Database, role: str) -> Model | None:
    row = database.row(f"SELECT {COLUMNS} FROM model WHERE role = ?", role)
    return None if row is None else Model(*row)


def count_live_vectors(database: Database, model: int) -> int:
    """Return how many vectors of a model belong to files that are not gone."""
    return int(database.value("SELECT count(*) FROM vector WHERE model = ? AND live = 1", model))


def set_current_model(database: Database, digest: str, name: str, dims: int, now: float, folder: str = "") -> int:
    """Make this model the current one at once; return its id. Call inside a transaction.

    Files without a vector of this model become pending, also when the model was current before.
    """
    model = _ensure_model(database, digest, name, dims, folder, now)
    current = current_model(database)
    if current is None or current.id != model:
        _make_current(database, model, now)
    database.run("UPDATE model SET role = NULL WHERE role = 'next'")
    return model


def set_next_model(database: Database, digest: str, name: str, dims: int, now: float, folder: str = "") -> int:
    """Make this model the next one, beside the current one; return its id. Call inside a transaction."""
    model = _ensure_model(database, digest, name, dims, folder, now)
    database.run("UPDATE model SET role = NULL WHERE role = 'next' AND id != ?", model)
    database.run("UPDATE model SET role = 'next' WHERE id = ?", model)
    return model


def promote_next_model(database: Database, now: float) -> None:
    """Make the next model the current one. Call inside a transaction, so that a crash leaves either one in place."""
    model = next_model(database)
    if model is not None:
        _make_current(database, model.id, now)


def _make_current(database: Database, model: int, now: float) -> None:
    database.run("UPDATE model SET role = NULL WHERE role IS NOT NULL")
    database.run("UPDATE model SET role = 'current' WHERE id = ?", model)
    database.run(
        "UPDATE file SET state = 'pending', due = ? WHERE state = 'ok' AND NOT EXISTS"
        " (SELECT 1 FROM vector WHERE vector.content = file.content AND vector.model = ?)",
        *(now, model),
    )


def _ensure_model(database: Database, digest: str, name: str, dims: int, folder: str, now: float) -> int:
    return int(
        database.value(
            "INSERT INTO model(digest, name, dims, provider, cosine, attested_at, folder) VALUES (?, ?, ?, '', 0, ?, ?)"
            " ON CONFLICT (digest) DO UPDATE SET name = excluded.name, folder = excluded.folder RETURNING id",
            *(digest, name, dims, now, folder or None),
        )
    )


def record_attestation(database: Database, model: int, provider: str, cosine: float, now: float) -> None:
    """Record the provider and the cosine to the reference vectors of the bundle. Call inside a transaction."""
    database.run(
        "UPDATE model SET provider = ?, cosine = ?, attested_at = ? WHERE id = ?", provider, cosine, now, model
    )


# The only remaining vector of a labelled image that no file holds any more.
RETAINED_VECTOR = "v.live = 0 AND EXISTS (SELECT 1 FROM label l WHERE l.content = v.content)"


def delete_vectors(database: Database, model: int, limit: int) -> int:
    """Delete up to `limit` vectors of a model that has no role; return how many. Call inside a transaction.

    Vectors of labelled contents that no file holds any more are kept: without them the labels are useless for training.
    """
    return database.run(
        "DELETE FROM vector WHERE id IN (SELECT v.id FROM vector v JOIN model m ON m.id = v.model"
        f" WHERE v.model = ? AND m.role IS NULL AND NOT ({RETAINED_VECTOR}) LIMIT ?)",
        *(model, limit),
    )


def delete_name_vectors(database: Database, model: int) -> None:
    """Delete the vectors of names of a model without a role; they can be computed again. Call inside a transaction."""
    database.run("DELETE FROM wording WHERE model IN (SELECT id FROM model WHERE id = ? AND role IS NULL)", model)


def count_retained_vectors(database: Database, model: int) -> int:
    """Return how many vectors of a model `delete_vectors` keeps."""
    return int(database.value(f"SELECT count(*) FROM vector v WHERE v.model = ? AND {RETAINED_VECTOR}", model))

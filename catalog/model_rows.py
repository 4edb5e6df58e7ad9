"""The model that vectors belong to, as a row: its figures are those of this machine's last attestation."""

from catalog.db import Database


def register(database: Database, digest: str, name: str, dims: int, now: float) -> int:
    """The row of a model. Another one than before makes every file pending that it has not embedded; that holds too
    for one that comes back after another had its turn. In a transaction.
    """
    known = current(database)
    if known is not None and known[1] == digest:
        return known[0]
    model = database.value(
        "INSERT INTO model(digest, name, dims, provider, cosine, attested_at) VALUES (?, ?, ?, '', 0, ?)"
        " ON CONFLICT (digest) DO UPDATE SET attested_at = excluded.attested_at RETURNING id",
        *(digest, name, dims, now),
    )
    database.run(
        "UPDATE file SET state = 'pending', due = ? WHERE state = 'ok' AND NOT EXISTS"
        " (SELECT 1 FROM vector WHERE vector.content = file.content AND vector.model = ?)",
        *(now, model),
    )
    return int(model)


def attested(database: Database, model: int, provider: str, cosine: float, now: float) -> None:
    """Record what runs the model here and how close it comes to its maker's figures. In a transaction."""
    database.run(
        "UPDATE model SET provider = ?, cosine = ?, attested_at = ? WHERE id = ?", provider, cosine, now, model
    )


def current(database: Database) -> tuple[int, str, str, int, str, float] | None:
    """The model in use: id, digest, name, dims, provider, cosine. The last one that was attested."""
    row = database.row("SELECT id, digest, name, dims, provider, cosine FROM model ORDER BY attested_at DESC LIMIT 1")
    return None if row is None else (row[0], row[1], row[2], row[3], row[4], row[5])

"""What a worker asks of the catalog about the bytes that it has read."""

from pathlib import Path

from catalog.store.database import Database
from daemon.intake.previous_content import Past
from models.decode.proof import PROOF


class Catalog:
    """What a worker asks of the catalog, read-only."""

    def __init__(self, path: Path, model: int) -> None:
        self._database = Database(path, write=False)
        self._model = model

    def recognised(self, sha256: bytes) -> bool:
        """Whether these bytes were proved by these validators and have a vector already."""
        return bool(
            self._database.value(
                "SELECT 1 FROM content c JOIN vector v ON v.content = c.id"
                " WHERE c.sha256 = ? AND v.model = ? AND c.proof >= ?",
                *(sha256, self._model, PROOF),
            )
        )

    def past(self, content: int) -> Past | None:
        """A content by its row's id, for comparison with what took its place."""
        row = self._database.row(
            "SELECT c.id, c.sha256, c.bytes, c.blocks, v.data FROM content c"
            " LEFT JOIN vector v ON v.content = c.id AND v.model = ? WHERE c.id = ?",
            *(self._model, content),
        )
        return None if row is None else Past(*row)

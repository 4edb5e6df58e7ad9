"""A catalog filled by plain SQL: rows of files, contents and vectors without a service."""

import hashlib
import secrets
from pathlib import Path

import numpy as np

from catalog.store.change_log import begin_timeline
from catalog.store.database import Database
from catalog.store.vectors import Floats, pack_vectors

DIMS = 16


def unit(vectors: Floats) -> Floats:
    """Scaled to length 1, as the stored float16 will read back."""
    scaled: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled.astype(np.float16).astype(np.float32)


def directions(count: int, seed: int = 0, dims: int = DIMS) -> Floats:
    """Random unit vectors, float32 [count, dims]."""
    return unit(np.random.default_rng(seed).normal(size=(count, dims)).astype(np.float32))


class Shelf:
    """Writes to a catalog as the service would; `folder` holds catalog.db and is the state directory."""

    def __init__(self, folder: Path, dims: int = DIMS, digest: str = "d1") -> None:
        self.folder, self.path, self.dims, self.digest = folder, folder / "catalog.db", dims, digest
        self.db = Database(self.path, write=True)
        self.db.run(
            "INSERT OR IGNORE INTO model VALUES (1, ?, 'toy', ?, 'cpu', 1.0, 0.0, 'current', NULL)", digest, dims
        )
        self.db.run(
            "INSERT OR IGNORE INTO volume(id, path, kind, identity, since) VALUES (1, x'2f72', 'root', 'i', 0.0)"
        )
        self.db.run("INSERT OR IGNORE INTO directory VALUES (1, 1, x'2f72')")
        begin_timeline(self.db, secrets.token_hex(8), 0.0)

    def content(self, name: str, **fields: object) -> int:
        """A content; any column by name."""
        columns = {"sha256": hashlib.sha256(name.encode()).digest(), "bytes": 1000, **fields}
        names, marks = ",".join(columns), ",".join("?" * len(columns))
        self.db.run(f"INSERT INTO content({names}) VALUES ({marks})", *columns.values())
        return int(self.db.value("SELECT last_insert_rowid()"))

    def file(self, name: bytes, content: int, state: str = "ok", mtime: int = 0, inode: int | None = None) -> int:
        """A file in the one directory /r."""
        number = 1 + int(self.db.value("SELECT count(*) FROM file"))
        reason = "damaged" if state == "rejected" else None
        due = 0.0 if state == "pending" else None
        self.db.run(
            "INSERT INTO file(directory, name, size, mtime_ns, ctime_ns, inode, content, state, reason, due,"
            " first_seen) VALUES (1, ?, 1, ?, 0, ?, ?, ?, ?, ?, 0.0)",
            *(name, mtime, inode or 1000 + number, content, state, reason, due),
        )
        return int(self.db.value("SELECT last_insert_rowid()"))

    def vector(self, content: int, vector: Floats, live: bool = True) -> int:
        """A row of the change log."""
        with self.db.transaction():
            self.db.run("UPDATE clock SET seq = seq + 1")
            self.db.run(
                "INSERT INTO vector(content, model, seq, live, data) VALUES (?, 1, (SELECT seq FROM clock), ?, ?)",
                *(content, int(live), pack_vectors(vector[None])[0]),
            )
        return int(self.db.value("SELECT last_insert_rowid()"))

    def picture(self, name: str, vector: Floats, **fields: object) -> int:
        """A content with one ok file of that name and a live vector. Returns the vector's id."""
        content = self.content(name, **fields)
        self.file(name.encode(), content)
        return self.vector(content, vector)

    def pictures(self, vectors: Floats) -> list[int]:
        """Many at once, under names that no other call gives."""
        start = int(self.db.value("SELECT count(*) FROM content"))
        return [self.picture(f"p{start + at}", vector) for at, vector in enumerate(vectors)]

    def flip(self, vector: int, live: bool) -> None:
        """What a file's going or coming back does, through the catalog's own triggers."""
        state = "ok" if live else "gone"
        self.db.run(
            "UPDATE file SET state = ? WHERE content = (SELECT content FROM vector WHERE id = ?)", state, vector
        )

    def live(self) -> set[int]:
        """The live vector ids."""
        return {row[0] for row in self.db.rows("SELECT id FROM vector WHERE live = 1")}

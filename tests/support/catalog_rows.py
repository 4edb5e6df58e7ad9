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
    """Return the vectors scaled to length 1 and rounded to float16, as they are read back."""
    scaled: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled.astype(np.float16).astype(np.float32)


def directions(count: int, seed: int = 0, dims: int = DIMS) -> Floats:
    """Return random unit vectors, float32 [count, dims]."""
    return unit(np.random.default_rng(seed).normal(size=(count, dims)).astype(np.float32))


class CatalogBuilder:
    """Adds rows to a catalog as the service would; `folder` is the state directory."""

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

    def add_content(self, name: str, **fields: object) -> int:
        """Add a content; `fields` are its columns. Return its id."""
        columns = {"sha256": hashlib.sha256(name.encode()).digest(), "bytes": 1000, **fields}
        names, marks = ",".join(columns), ",".join("?" * len(columns))
        self.db.run(f"INSERT INTO content({names}) VALUES ({marks})", *columns.values())
        return int(self.db.value("SELECT last_insert_rowid()"))

    def add_file(self, name: bytes, content: int, state: str = "ok", mtime: int = 0, inode: int | None = None) -> int:
        """Add a file in the one directory /r. Return its id."""
        next_id = 1 + int(self.db.value("SELECT count(*) FROM file"))
        reason = "damaged" if state == "rejected" else None
        due = 0.0 if state == "pending" else None
        self.db.run(
            "INSERT INTO file(directory, name, size, mtime_ns, ctime_ns, inode, content, state, reason, due,"
            " first_seen) VALUES (1, ?, 1, ?, 0, ?, ?, ?, ?, ?, 0.0)",
            *(name, mtime, inode or 1000 + next_id, content, state, reason, due),
        )
        return int(self.db.value("SELECT last_insert_rowid()"))

    def add_vector(self, content: int, vector: Floats, live: bool = True) -> int:
        """Add a vector as the next change of the change log. Return its id."""
        with self.db.transaction():
            self.db.run("UPDATE clock SET seq = seq + 1")
            self.db.run(
                "INSERT INTO vector(content, model, seq, live, data) VALUES (?, 1, (SELECT seq FROM clock), ?, ?)",
                *(content, int(live), pack_vectors(vector[None])[0]),
            )
        return int(self.db.value("SELECT last_insert_rowid()"))

    def add_image(self, name: str, vector: Floats, **fields: object) -> int:
        """Add a content with one ok file of that name and a live vector. Return the vector's id."""
        content = self.add_content(name, **fields)
        self.add_file(name.encode(), content)
        return self.add_vector(content, vector)

    def add_images(self, vectors: Floats) -> list[int]:
        """Add an image for each vector, under names that no other call uses. Return the vectors' ids."""
        start = int(self.db.value("SELECT count(*) FROM content"))
        return [self.add_image(f"p{number}", vector) for number, vector in enumerate(vectors, start)]

    def set_live(self, vector: int, live: bool) -> None:
        """Mark the file of a vector as gone or ok; the catalog's own triggers update the vector."""
        state = "ok" if live else "gone"
        self.db.run(
            "UPDATE file SET state = ? WHERE content = (SELECT content FROM vector WHERE id = ?)", state, vector
        )

    def live_ids(self) -> set[int]:
        """Return the ids of the live vectors."""
        return {id_ for (id_,) in self.db.rows("SELECT id FROM vector WHERE live = 1")}

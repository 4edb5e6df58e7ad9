"""A marked root on disk and its catalog, without a service: files are recorded as if read and embedded."""

import os
from pathlib import Path

from catalog.files.observe import Sighting, record_sighting
from catalog.files.results import accept_file, add_vector, ensure_content
from catalog.filesystem.mounts import read_mounts
from catalog.filesystem.stat_signature import signature_of
from catalog.filesystem.volume_identity import observe_volume, write_marker
from catalog.store.database import Database
from catalog.store.models import set_current_model
from catalog.store.volumes import adopt_volume


class Collection:
    """A marked root and its catalog, without a service."""

    def __init__(self, folder: Path) -> None:
        self.root = os.fsencode(folder / "root")
        os.mkdir(self.root)
        write_marker(self.root)
        self.database = Database(folder / "catalog.db", write=True)
        adopt_volume(self.database, self.root, "root", observe_volume(self.root, read_mounts()), 1.0)
        self.model = set_current_model(self.database, "one", "one", 2, 1.0)

    def path(self, name: str) -> bytes:
        return os.path.join(self.root, os.fsencode(name))

    def add_file(self, name: str) -> None:
        """Write a file and record it as read and embedded."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(path)
        self.record_sighting(name)
        signature = signature_of(os.lstat(path))
        ((id_,),) = self.database.rows("SELECT id FROM file WHERE state = 'pending'")
        content = ensure_content(self.database, os.fsencode(name).ljust(32, b".")[:32], signature.size, None)
        accept_file(self.database, id_, signature, content, 1.0)
        add_vector(self.database, content, self.model, b"\0<\0\0")

    def record_sighting(self, name: str) -> None:
        """Record a sighting of the file, as the writer does."""
        record_sighting(self.database, Sighting(self.path(name), signature_of(os.lstat(self.path(name))), 1.0), 1.0)

    def states(self) -> dict[str, str]:
        """Return the states by path relative to the root."""
        rows = self.database.rows("SELECT d.path, f.name, f.state FROM file f JOIN directory d ON d.id = f.directory")
        return {os.fsdecode(os.path.join(path, name)[len(self.root) + 1 :]): state for path, name, state in rows}

"""A marked root on disk and its catalog, without a service: files are read and embedded by a word."""

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


class Shelf:
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

    def put(self, name: str) -> None:
        """A file on disk that was read and embedded."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(path)
        self.see(name)
        sign = signature_of(os.lstat(path))
        ((id_,),) = self.database.rows("SELECT id FROM file WHERE state = 'pending'")
        content = ensure_content(self.database, os.fsencode(name).ljust(32, b".")[:32], sign.size, None)
        accept_file(self.database, id_, sign, content, 1.0)
        add_vector(self.database, content, self.model, b"\0<\0\0")

    def see(self, name: str) -> None:
        """A sighting reaches the writer."""
        record_sighting(self.database, Sighting(self.path(name), signature_of(os.lstat(self.path(name))), 1.0), 1.0)

    def states(self) -> dict[str, str]:
        """States by path."""
        rows = self.database.rows("SELECT d.path, f.name, f.state FROM file f JOIN directory d ON d.id = f.directory")
        return {os.fsdecode(os.path.join(path, name)[len(self.root) + 1 :]): state for path, name, state in rows}

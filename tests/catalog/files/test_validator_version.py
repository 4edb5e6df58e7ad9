"""The version of the validators is stored with each content."""

import hashlib
from pathlib import Path

from catalog.files.results import ImageFacts, ensure_content
from catalog.store.database import Database
from models.decode.reason import VALIDATOR_VERSION


def test_the_validator_version_is_stored_at_each_decoding(tmp_path: Path) -> None:
    database = Database(tmp_path / "catalog.db", write=True)
    sha = hashlib.sha256(b"one").digest()

    def proof() -> int:
        return int(database.value("SELECT proof FROM content WHERE sha256 = ?", sha))

    ensure_content(database, sha, 3, None)  # a first copy could not be decoded
    assert proof() == 0
    ensure_content(database, sha, 3, ImageFacts("png", 4, 4))
    assert proof() == VALIDATOR_VERSION > 0
    database.run("UPDATE content SET proof = 0")  # as an older release would have left it
    ensure_content(database, sha, 3, None)
    assert proof() == 0
    ensure_content(database, sha, 3, ImageFacts("png", 4, 4, suspect="grey from row 3"))
    assert proof() == VALIDATOR_VERSION
    database.close()

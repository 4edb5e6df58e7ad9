"""Give contents without a file under any root a vector, now: it stays when the files are gone.

Such a vector is not live: nothing answers with it, but a head learns from it. It turns live, like any other, once a
file with this content comes to lie under a root.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from catalog.client.process import service_running
from catalog.context import CatalogContext
from catalog.embedding.decode_pool import DecodeResult, DecodeSettings, decode_files, is_embedded
from catalog.embedding.features import ComputedFeatures, compute_features, store_features
from catalog.embedding.selection import bundle_of
from catalog.embedding.sessions import open_session
from catalog.errors import ResourceError, StoreError
from catalog.files.queries import content_at
from catalog.files.results import add_vector, ensure_content
from catalog.formatting import path_text
from catalog.store import change_log as timeline
from catalog.store.database import Database
from catalog.store.models import current_model
from catalog.store.vectors import pack_vectors
from models.learn.file_features import FileMetadata

if TYPE_CHECKING:
    from models.runtime.session_pool import ModelSession

FILES_PER_TRANSACTION = 64  # files a transaction
NO_MODEL = 0  # has made no vector
MEBIBYTE = 1 << 20


class FileEmbedder:
    """Reads, embeds and stores; the model is loaded, and attested, when the first picture needs it."""

    def __init__(self, asking: CatalogContext) -> None:
        """Raises StoreFault where no model has embedded anything yet, PlaceFault where its bundle is not to be had."""
        model = current_model(asking.database)
        if model is None:
            raise StoreError("the catalog holds no vectors yet", "Run `catalogd --once` first.")
        self._asking, self._model = asking, model
        self._bundle = bundle_of(asking.config, asking.database, model)
        self._session: ModelSession | None = None
        self._begun = False

    def contents(self, paths: Iterable[bytes], told: Callable[[], object]) -> Iterator[DecodeResult]:
        """Each file with its content, which has a vector from then on, or with a reason why not. Calls `told` for each.

        What the catalog has read where it stands is not read again.
        """
        unknown: list[bytes] = []
        for path in paths:
            held = content_at(self._asking.database, path)
            if isinstance(held, str) or not is_embedded(self._asking.database, self._model.id, held[0]):
                unknown.append(path)
            else:
                told()
                yield DecodeResult(path, *held)
        readings = decode_files(unknown, self.orders()) if unknown else iter(())
        while batch := list(islice(readings, FILES_PER_TRANSACTION)):
            self._store([one for one in batch if one.facts is not None])
            for one in batch:
                told()
                yield one

    def orders(self, *, known: bool = True) -> DecodeSettings:
        """For the readers. `known` False: pixels are wanted of what has a vector, too."""
        intake = self._asking.config.intake
        return DecodeSettings(
            self._asking.config.database,
            self._model.id if known else NO_MODEL,
            self._bundle.recipe,
            intake.workers or len(os.sched_getaffinity(0)),
            intake.memory_mb * MEBIBYTE,
            int(intake.max_megapixels * 1e6),
            intake.seconds,
        )

    def _store(self, batch: list[DecodeResult]) -> None:
        if not batch:
            return
        vectors = pack_vectors(self.network().run(np.stack([self.shaped(one) for one in batch])))
        database = Database(self._asking.config.database, write=True)
        try:
            with database.transaction():
                self._begin(database)
                for one, vector in zip(batch, vectors, strict=True):
                    self._shelve(database, one, vector)
        finally:
            database.close()

    def _shelve(self, database: Database, one: DecodeResult, vector: bytes) -> None:
        content = ensure_content(database, one.sha256, one.size, one.facts, one.blocks)
        add_vector(database, content, self._model.id, vector)
        if database.row("SELECT 1 FROM file WHERE content = ? LIMIT 1", content) is None:
            store_features(database, [_computed_features(one, content)])

    def shaped(self, one: DecodeResult) -> np.ndarray:
        """Its pixels, uint8 [H, W, 3]."""
        recipe = self._bundle.recipe
        return np.frombuffer(one.pixels, np.uint8).reshape(recipe.height, recipe.width, 3)

    def network(self) -> "ModelSession":
        """The model, loaded and attested once. Raises PlaceFault for one that may not be used."""
        from models.runtime.attestation import attest

        if self._session is None:
            session = open_session(self._bundle, self._asking.config)
            word = attest(self._bundle, session)
            if not word.ok:
                raise ResourceError(f"the model may not be used: {word.word}", "See `catalog doctor`.")
            self._session = session
        return self._session

    def _begin(self, database: Database) -> None:
        """Without a service, we are the writer of the change log, and begin a branch of it as it would."""
        if not self._begun and not service_running(self._asking.config.state):
            timeline.begin_timeline(database, secrets.token_hex(8), time.time())
        self._begun = True


def _computed_features(one: DecodeResult, content: int) -> ComputedFeatures:
    """By the bare name: the folder it was sorted into says what its label is, and must not teach that."""
    facts = one.facts
    assert facts is not None
    shown = (facts.format, facts.width, facts.height, one.size, facts.camera, facts.taken_at, facts.detail)
    return compute_features(FileMetadata(*shown, bool(facts.suspect), path_text(os.path.basename(one.path))), content)

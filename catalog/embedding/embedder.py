"""Embed files that need not be under a root, and store their vectors for good.

The vector of a content without a file under a root is not live: searches do not return it, but heads are trained on
it. It becomes live, like any other, when a file with this content appears under a root.
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
from catalog.errors import ResourceError
from catalog.files.queries import content_at
from catalog.files.results import add_vector, ensure_content
from catalog.formatting import path_text
from catalog.store.change_log import begin_timeline
from catalog.store.database import Database
from catalog.store.models import require_current_model
from catalog.store.vectors import pack_vectors
from models.learn.file_features import FileMetadata

if TYPE_CHECKING:
    from models.runtime.session_pool import ModelSession

FILES_PER_TRANSACTION = 64
NO_MODEL = 0  # the id of no model, so no content has a vector of it
MEBIBYTE = 1 << 20


class FileEmbedder:
    """Decodes, embeds and stores files. The model is loaded and attested when the first image needs it."""

    def __init__(self, context: CatalogContext) -> None:
        """Open the bundle of the current model. Raises StoreError without vectors, ResourceError without the bundle."""
        self._context, self._model = context, require_current_model(context.database)
        self._bundle = bundle_of(context.config, context.database, self._model)
        self._session: ModelSession | None = None
        self._timeline_begun = False

    def embed(self, paths: Iterable[bytes], on_progress: Callable[[], object]) -> Iterator[DecodeResult]:
        """Yield each file with its content, which now has a vector, or with the reason why it has none.

        Calls `on_progress` once per file. Files that the catalog has already read in place are not read again.
        """
        unknown: list[bytes] = []
        for path in paths:
            content = self._embedded_content(path)
            if content is None:
                unknown.append(path)
            else:
                on_progress()
                yield content
        results = decode_files(unknown, self.decode_settings()) if unknown else iter(())
        while batch := list(islice(results, FILES_PER_TRANSACTION)):
            self._store([result for result in batch if result.facts is not None])
            for result in batch:
                on_progress()
                yield result

    def _embedded_content(self, path: bytes) -> DecodeResult | None:
        known = content_at(self._context.database, path)
        if isinstance(known, str):
            return None
        sha256, size = known
        embedded = is_embedded(self._context.database, self._model.id, sha256)
        return DecodeResult(path, sha256, size) if embedded else None

    def decode_settings(self, *, skip_embedded: bool = True) -> DecodeSettings:
        """Return the settings for `decode_files`. Without `skip_embedded`, it decodes files that have a vector too."""
        intake = self._context.config.intake
        return DecodeSettings(
            self._context.config.database,
            self._model.id if skip_embedded else NO_MODEL,
            self._bundle.recipe,
            intake.workers or len(os.sched_getaffinity(0)),
            intake.memory_mb * MEBIBYTE,
            int(intake.max_megapixels * 1e6),
            intake.seconds,
        )

    def _store(self, batch: list[DecodeResult]) -> None:
        if not batch:
            return
        vectors = pack_vectors(self.session().run(np.stack([self.pixels(result) for result in batch])))
        with Database(self._context.config.database, write=True) as database, database.transaction():
            self._begin_timeline(database)
            for result, vector in zip(batch, vectors, strict=True):
                self._store_one(database, result, vector)

    def _store_one(self, database: Database, result: DecodeResult, vector: bytes) -> None:
        content = ensure_content(database, result.sha256, result.size, result.facts, result.blocks)
        add_vector(database, content, self._model.id, vector)
        if database.row("SELECT 1 FROM file WHERE content = ? LIMIT 1", content) is None:
            store_features(database, [_computed_features(result, content)])

    def pixels(self, result: DecodeResult) -> np.ndarray:
        """Return the pixels of a result, uint8 [H, W, 3]."""
        recipe = self._bundle.recipe
        return np.frombuffer(result.pixels, np.uint8).reshape(recipe.height, recipe.width, 3)

    def session(self) -> "ModelSession":
        """Return the model's session, loaded and attested once. Raises ResourceError if either fails."""
        from models.runtime.attestation import attest

        if self._session is None:
            session = open_session(self._bundle, self._context.config)
            attestation = attest(self._bundle, session)
            if not attestation.ok:
                raise ResourceError(f"the model is not attested here: {attestation.message}", "Run `catalog doctor`.")
            self._session = session
        return self._session

    def _begin_timeline(self, database: Database) -> None:
        """Begin a branch of the change log, as the service does at its start, unless a service runs."""
        if not self._timeline_begun and not service_running(self._context.config.state):
            begin_timeline(database, secrets.token_hex(8), time.time())
        self._timeline_begun = True


def _computed_features(result: DecodeResult, content: int) -> ComputedFeatures:
    """Compute the features from the file name alone: the name of its folder may be its label, which would leak."""
    facts = result.facts
    assert facts is not None
    metadata = FileMetadata(
        *(facts.format, facts.width, facts.height, result.size, facts.camera, facts.taken_at, facts.detail),
        bool(facts.suspect),
        path_text(os.path.basename(result.path)),
    )
    return compute_features(metadata, content)

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

from catalog.client.process import running
from catalog.context import Asking
from catalog.embedding.decode_pool import Orders, Reading, read_all, recognised
from catalog.embedding.features import Fresh, fresh_of, remember
from catalog.embedding.selection import bundle_of
from catalog.embedding.sessions import open_session
from catalog.errors import PlaceFault, StoreFault
from catalog.files.queries import content_at
from catalog.files.results import add_vector, content_id
from catalog.formatting import text
from catalog.store import change_log as timeline
from catalog.store.database import Database
from catalog.store.models import current
from catalog.store.vectors import pack
from models.learn.file_features import Told

if TYPE_CHECKING:
    from models.runtime.session_pool import Network

BATCH = 64  # files a transaction
NO_MODEL = 0  # has made no vector
MEGA = 1 << 20


class Embedder:
    """Reads, embeds and stores; the model is loaded, and attested, when the first picture needs it."""

    def __init__(self, asking: Asking) -> None:
        """Raises StoreFault where no model has embedded anything yet, PlaceFault where its bundle is not to be had."""
        model = current(asking.database)
        if model is None:
            raise StoreFault("the catalog holds no vectors yet", "Run `catalogd --once` first.")
        self._asking, self._model = asking, model
        self._bundle = bundle_of(asking.config, asking.database, model)
        self._session: Network | None = None
        self._begun = False

    def contents(self, paths: Iterable[bytes], told: Callable[[], object]) -> Iterator[Reading]:
        """Each file with its content, which has a vector from then on, or with a reason why not. Calls `told` for each.

        What the catalog has read where it stands is not read again.
        """
        unknown: list[bytes] = []
        for path in paths:
            held = content_at(self._asking.database, path)
            if isinstance(held, str) or not recognised(self._asking.database, self._model.id, held[0]):
                unknown.append(path)
            else:
                told()
                yield Reading(path, *held)
        readings = read_all(unknown, self.orders()) if unknown else iter(())
        while batch := list(islice(readings, BATCH)):
            self._store([one for one in batch if one.facts is not None])
            for one in batch:
                told()
                yield one

    def orders(self, *, known: bool = True) -> Orders:
        """For the readers. `known` False: pixels are wanted of what has a vector, too."""
        intake = self._asking.config.intake
        return Orders(
            self._asking.config.database,
            self._model.id if known else NO_MODEL,
            self._bundle.recipe,
            intake.workers or len(os.sched_getaffinity(0)),
            intake.memory_mb * MEGA,
            int(intake.max_megapixels * 1e6),
            intake.seconds,
        )

    def _store(self, batch: list[Reading]) -> None:
        if not batch:
            return
        vectors = pack(self.network().run(np.stack([self.shaped(one) for one in batch])))
        database = Database(self._asking.config.database, write=True)
        try:
            with database.transaction():
                self._begin(database)
                for one, vector in zip(batch, vectors, strict=True):
                    self._shelve(database, one, vector)
        finally:
            database.close()

    def _shelve(self, database: Database, one: Reading, vector: bytes) -> None:
        content = content_id(database, one.sha256, one.size, one.facts, one.blocks)
        add_vector(database, content, self._model.id, vector)
        if database.row("SELECT 1 FROM file WHERE content = ? LIMIT 1", content) is None:
            remember(database, [_fresh(one, content)])

    def shaped(self, one: Reading) -> np.ndarray:
        """Its pixels, uint8 [H, W, 3]."""
        recipe = self._bundle.recipe
        return np.frombuffer(one.pixels, np.uint8).reshape(recipe.height, recipe.width, 3)

    def network(self) -> "Network":
        """The model, loaded and attested once. Raises PlaceFault for one that may not be used."""
        from models.runtime.attestation import attest

        if self._session is None:
            session = open_session(self._bundle, self._asking.config)
            word = attest(self._bundle, session)
            if not word.ok:
                raise PlaceFault(f"the model may not be used: {word.word}", "See `catalog doctor`.")
            self._session = session
        return self._session

    def _begin(self, database: Database) -> None:
        """Without a service, we are the writer of the change log, and begin a branch of it as it would."""
        if not self._begun and not running(self._asking.config.state):
            timeline.begin(database, secrets.token_hex(8), time.time())
        self._begun = True


def _fresh(one: Reading, content: int) -> Fresh:
    """By the bare name: the folder it was sorted into says what its label is, and must not teach that."""
    facts = one.facts
    assert facts is not None
    shown = (facts.format, facts.width, facts.height, one.size, facts.camera, facts.taken_at, facts.detail)
    return fresh_of(Told(*shown, bool(facts.suspect), text(os.path.basename(one.path))), content)

"""What the names of labelled files say, as vectors to learn from."""

from collections.abc import Callable
from typing import NamedTuple

from catalog.cli.options import Asking
from catalog.client.text_vectors import Speaker
from catalog.embedding.features import Described
from catalog.embedding.selection import serving_bundle
from catalog.heads.name_vectors import NOTHING, Owner, keep, known, names, phrases
from catalog.store.database import Database
from catalog.store.models import Model
from models.learn.logistic import Floats

BATCH = 32  # names a question to the service, and a transaction

Told = Callable[[int], object]  # how many names are to be embedded


class Lettered(NamedTuple):
    """`vectors`: float32 [N, dims], of the name of each file, by the text tower `tower`."""

    tower: str
    vectors: Floats


def label_names(asking: Asking, model: Model, described: Described, told: Told) -> Lettered | None:
    """None for a model without words. Vectors that there are not yet are made and stored; `told` hears of how many.

    Raises PlaceFault for a text tower that may not be used.
    """
    bundle = serving_bundle(asking.config, asking.database)
    if bundle.text is None or bundle.id != model.digest:
        return None
    words = phrases(asking.database, described)
    owner = Owner(model.id, bundle.text.id, model.dims)
    there = known(asking.database, owner, [NOTHING, *words])
    lacking = [word for word in dict.fromkeys([NOTHING, *words]) if word not in there]
    if lacking:
        told(len(lacking))
        _make(asking, owner, Speaker(asking.config, bundle), lacking)
    return Lettered(owner.id, names(asking.database, owner, words).vectors)


def _make(asking: Asking, owner: Owner, speaker: Speaker, lacking: list[str]) -> None:
    database = Database(asking.config.database, write=True)
    try:
        for start in range(0, len(lacking), BATCH):
            part = lacking[start : start + BATCH]
            vectors = speaker.say(part)
            with database.transaction():
                keep(database, owner, part, vectors)
    finally:
        database.close()

"""Train a head from the owner's labels, compare it with the one in use, and put the better one to use.

What the names of labelled files say, as vectors to learn from.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from catalog.choices.suspect_labels import store_held_out
from catalog.client.text_vectors import Speaker
from catalog.context import Asking
from catalog.duplicates.clustering import groups
from catalog.embedding.features import Described, Fresh, describe, remember
from catalog.embedding.selection import serving_bundle
from catalog.errors import StoreFault, UsageFault
from catalog.filesystem.stat_signature import Nanoseconds
from catalog.heads.name_vectors import NOTHING, Owner, known, names, phrases
from catalog.heads.name_vectors import keep as keep_names
from catalog.heads.stored_head import Kept, in_use, keep, use
from catalog.store.database import Database
from catalog.store.events import note
from catalog.store.models import Model, current
from models.learn.file_features import TRAITS
from models.learn.head import NAME, Head
from models.learn.logistic import Floats
from models.learn.metrics import auc, simply
from models.learn.training import Labelled, TooFew, Trained, train

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
                keep_names(database, owner, part, vectors)
    finally:
        database.close()


LABELS = (
    "SELECT c.id, v.data, c.traits, l.value, l.at, c.taken_at,"
    " (SELECT f.mtime_ns FROM file f WHERE f.content = c.id ORDER BY f.id LIMIT 1)"
    " FROM label l JOIN content c ON c.id = l.content JOIN vector v ON v.content = c.id AND v.model = ? ORDER BY c.id"
)
UNSEEN = 30  # labels that the head in use has not seen, of which some are deletes: enough to compare both on
MARGIN = 0.01  # of AUC: a head that is worse by less than that on what neither saw is still the newer one


@dataclass(frozen=True, slots=True)
class Lesson:
    """What came of a training. `used`: the new head scores from now on; `why`: in words, also where it does not."""

    head: int
    used: bool
    why: str
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pupils:
    """Labelled contents and when each label was given. `features`: what a head names them."""

    contents: list[int]
    labelled: Labelled
    given: np.ndarray
    fresh: list[Fresh]
    features: tuple[str, ...]


def teach(
    asking: Asking, *, force: bool = False, seed: int = 0, views: int = 0, told: Told = lambda names: None
) -> Lesson:
    """Train, compare, store; use the new head if it is better, or if `force` says so. `views`: so many augmented ones
    of each labelled picture that still lies under a root are learned from, too. `told` hears how many names are to be
    embedded first, if any.

    Raises UsageFault with too few labels, StoreFault without vectors.
    """
    model = current(asking.database)
    if model is None:
        raise StoreFault("the catalog holds no vectors yet", "Run `catalogd --once` first.")
    pupils = _pupils(asking, model, told)
    if views:
        pupils = _augmented(asking, pupils, views, seed)
    try:
        trained = train(pupils.labelled, seed)
    except TooFew as error:
        raise UsageFault(
            str(error), "Label more: `catalog label keep|delete PATH…`; `catalog next` names good ones."
        ) from error
    head = _head(model, trained, pupils.features)
    old = in_use(asking.database)
    better, why = (True, "asked for") if force else compare(old, trained, pupils)
    return Lesson(_store(asking, model, head, better, pupils, trained), better, why, head.record)


def _pupils(asking: Asking, model: Model, told: Told) -> Pupils:
    rows = asking.database.rows(LABELS, model.id)
    if not rows:
        raise UsageFault("nothing is labelled yet", "Choose: `catalog label keep|delete PATH…`.")
    described = describe(asking.database, [(row[0], row[1], row[2]) for row in rows], model.dims)
    least = serving_bundle(asking.config, asking.database).near_duplicate_cosine
    letters = label_names(asking, model, described, told)
    labelled = Labelled(
        described.rows if letters is None else np.hstack([described.rows, letters.vectors]),
        np.array([row[3] == "delete" for row in rows], np.float32),
        groups(described.vectors, least),
        np.array([_time(row[5], row[6]) for row in rows]),
        model.dims,
        named=letters is not None,
    )
    features = TRAITS if letters is None else (*TRAITS, NAME + letters.tower)
    return Pupils(described.contents, labelled, np.array([row[4] for row in rows]), described.fresh, features)


def _augmented(asking: Asking, pupils: Pupils, count: int, seed: int) -> Pupils:
    from catalog.heads.augmentation import augment  # decoders and the model: not for a training that reads no pixel

    labelled = pupils.labelled
    made = augment(asking, pupils.contents, labelled.rows, labelled.dims, count, seed)
    return replace(pupils, labelled=replace(labelled, views=made))


def _time(taken_at: str | None, mtime_ns: Nanoseconds | None) -> float:
    try:
        return datetime.fromisoformat(taken_at or "").timestamp()
    except (ValueError, OverflowError, OSError):
        return int(mtime_ns or 0) / 1e9


def _head(model: Model, trained: Trained, features: tuple[str, ...]) -> Head:
    link = trained.link
    return Head(
        model.digest,
        features,
        trained.weights,
        trained.bias,
        link.floor,
        link.ceiling,
        trained.keep_below,
        trained.delete_above,
        trained.record,
        trained.hidden,
    )


def compare(old: Kept | None, trained: Trained, pupils: Pupils) -> tuple[bool, str]:
    """Whether the new head is to be used, and why. Both are asked only what neither of them has learned from.

    Those are the labels given since the old head was made: to the new one they are held out by group.
    """
    if old is None:
        return True, "there was none"
    unseen = pupils.given > old.made_at
    wanted = pupils.labelled.wanted[unseen].astype(np.float64)
    strange = old.head.features not in (TRAITS, pupils.features)  # names by another tower mean nothing to ours
    if len(wanted) < UNSEEN or len(set(wanted.tolist())) < 2 or strange:
        now, before = trained.record["figures"]["auc"][0], old.head.record["figures"]["auc"][1]
        if now >= before - MARGIN:
            return True, f"as good as the one before, as far as {len(wanted)} new labels can tell"
        return False, f"its AUC of {now:.3f} lies under the interval of the one before, from {before:.3f}"
    ours = simply(auc, wanted, trained.held_out[unseen])
    rows = pupils.labelled.rows[unseen, : len(old.head.weights)]  # it may know no names, which come last
    theirs = simply(auc, wanted, old.head.chances(rows).astype(np.float64))
    words = f"AUC {ours:.3f} against {theirs:.3f} on {len(wanted)} labels that neither has seen"
    return ours >= theirs - MARGIN, words


def _store(asking: Asking, model: Model, head: Head, better: bool, pupils: Pupils, trained: Trained) -> int:
    database = Database(asking.config.database, write=True)
    try:
        with database.transaction():
            remember(database, pupils.fresh)
            made = keep(database, model, head, time.time())
            held_out = [(float(p), c) for p, c in zip(trained.held_out, pupils.contents, strict=True)]
            store_held_out(database, held_out)
            if better:
                use(database, made)
            told = json.dumps({"head": made, "used": better, "labels": len(held_out)})
            note(database, time.time(), "trained", detail=told)
    finally:
        database.close()
    return made

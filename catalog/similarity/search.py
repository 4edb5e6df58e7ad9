"""Search by words, by pictures, and by both: one vector is made of all of them, and the nearest pictures answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from catalog.client.text_vectors import Speaker
from catalog.context import Asking
from catalog.embedding.inventory import held
from catalog.embedding.selection import bundle_of
from catalog.errors import StoreFault, UsageFault
from catalog.files.queries import Entry
from catalog.filesystem.paths import below
from catalog.similarity.nearest import WIDEN, Hit, embedded, nearest_until, with_files
from catalog.store.models import Model, current

if TYPE_CHECKING:
    import numpy as np

    from models.bundle.folder import Bundle

SPARE = 4  # contents to ask for beyond those that are wanted, where there is no filter to take some of them


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for: words and pictures that it should be like, and those that it should not be like."""

    words: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Only:
    """Which pictures may answer; what is left empty takes all. Dates are ISO 8601, compared as text; sizes in bytes;
    `least` and `most` are of p_delete.
    """

    below: bytes = b""
    since: str = ""
    until: str = ""
    label: str = ""
    format: str = ""
    larger: int = 0
    smaller: int = 0
    least: float | None = None
    most: float | None = None

    @property
    def narrow(self) -> bool:
        """Whether anything is left out at all."""
        return self != Only()

    def conditions(self) -> tuple[str, list[object]]:
        """Return conditions on the tables of `catalog.files.queries.SELECT`, with their values.

        A picture without a date is in no span of dates, one without p_delete within no limits of it.
        """
        low, high = below(self.below)
        told: list[tuple[bool, str, tuple[object, ...]]] = [
            (bool(self.below), "(d.path = ? OR (d.path >= ? AND d.path < ?))", (self.below, low, high)),
            (bool(self.since), "c.taken_at >= ?", (self.since,)),
            (bool(self.until), "c.taken_at > '' AND substr(c.taken_at, 1, ?) <= ?", (len(self.until), self.until)),
            (bool(self.label), "l.value = ?", (self.label,)),
            (bool(self.format), "c.format = ?", (self.format,)),
            (bool(self.larger), "f.size >= ?", (self.larger,)),
            (bool(self.smaller), "f.size <= ?", (self.smaller,)),
            (self.least is not None, "s.p_delete >= ?", (self.least,)),
            (self.most is not None, "s.p_delete <= ?", (self.most,)),
        ]
        wanted = [(sql, values) for said, sql, values in told if said]
        return "".join(f" AND {sql}" for sql, _ in wanted), [value for _, values in wanted for value in values]


def search(asking: Asking, question: Question, only: Only, count: int) -> list[tuple[Entry, float]]:
    """The `count` files that answer best: (file, cosine), best first. A picture of the question does not answer itself.

    Raises StoreFault without vectors, UsageFault for a model that knows no words or a question that says nothing.
    """
    model = current(asking.database)
    if model is None:
        raise StoreFault("the catalog holds no vectors yet", "Run `catalogd --once` first.")
    first = WIDEN * count if only.narrow else count + len(question.pictures) + SPARE
    take = partial(_answers, asking, question, only, count)
    return nearest_until(asking, model, _vector(asking, model, question), first, take)


def _answers(
    asking: Asking, question: Question, only: Only, count: int, hits: Iterable[Hit]
) -> tuple[list[tuple[Entry, float]], bool]:
    """Return the first `count` files that fit, and whether there were as many."""
    given: list[tuple[Entry, float]] = []
    for (_, cosine), entries in with_files(asking, hits, *only.conditions()):
        given += [(entry, cosine) for entry in entries if entry.path not in question.pictures]
        if len(given) >= count:
            return given[:count], True
    return given, False


def _vector(asking: Asking, model: Model, question: Question) -> "np.ndarray":
    """float32 [D], unit length: the sum of what is wanted less the sum of what is not, each a unit vector."""
    import numpy as np

    bundle = bundle_of(asking.config, asking.database, model)
    texts = [*question.words, *question.unlike]
    signs = [1.0] * len(question.words) + [-1.0] * len(question.unlike)
    rows = list(zip(signs, in_words(asking, bundle, texts), strict=True)) if texts else []
    rows += [(1.0, embedded(asking, model, path)) for path in question.pictures]
    if not any(sign > 0 for sign, _ in rows):
        raise UsageFault("the question says only what it should not be", "Say what to look for, too.")
    total = np.sum([np.float32(sign) * row for sign, row in rows], axis=0)
    length = float(np.linalg.norm(total))
    if length < 1e-6:
        raise UsageFault("the question cancels itself out", "Say what to look for in other words.")
    vector: np.ndarray = (total / length).astype(np.float32)
    return vector


def in_words(asking: Asking, bundle: "Bundle", texts: list[str]) -> "np.ndarray":
    """float32 [N, D]: the service's text model where it runs, else ours, loaded for this question."""
    if bundle.text is None:
        raise UsageFault(f"the model {bundle.name} knows pictures only, it cannot be asked in words", _others(asking))
    return Speaker(asking.config, bundle).say(texts)


def _others(asking: Asking) -> str:
    names = [one.name for one in held(asking.config, asking.database) if one.bundle and one.bundle.text is not None]
    if names:
        return f"These do: {', '.join(names)}. Choose one: `catalog model use NAME`."
    example = "immich-app/ViT-B-16-SigLIP2__webli"
    return f"Pull one that knows words, such as `catalog model pull {example}`, then `catalog model use` it."


def described(entry: Entry, cosine: float) -> dict[str, Any]:
    """The line that `search --json` promises."""
    from catalog.formatting import text

    return {"path": text(entry.path), "cosine": round(cosine, 6)}

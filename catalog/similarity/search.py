"""Search by words, by pictures, and by both: one vector is made of all of them, and the nearest pictures answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from catalog.client.text_vectors import TextEmbedder
from catalog.context import CatalogContext
from catalog.embedding.inventory import list_bundles
from catalog.embedding.selection import bundle_of
from catalog.errors import StoreError, UsageError
from catalog.files.queries import FileEntry
from catalog.filesystem.paths import subtree_range
from catalog.similarity.nearest import WIDEN_FACTOR, Hit, embed_file, hits_with_files, nearest_until
from catalog.store.models import Model, current_model

if TYPE_CHECKING:
    import numpy as np

    from models.bundle.folder import Bundle

SPARE_CONTENTS = 4  # contents to ask for beyond those that are wanted, where there is no filter to take some of them


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is looked for: words and pictures that it should be like, and those that it should not be like."""

    words: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchFilter:
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
        return self != SearchFilter()

    def conditions(self) -> tuple[str, list[object]]:
        """Return conditions on the tables of `catalog.files.queries.ENTRY_SQL`, with their values.

        A picture without a date is in no span of dates, one without p_delete within no limits of it.
        """
        low, high = subtree_range(self.below)
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


def search(
    asking: CatalogContext, question: SearchQuery, only: SearchFilter, count: int
) -> list[tuple[FileEntry, float]]:
    """The `count` files that answer best: (file, cosine), best first. A picture of the question does not answer itself.

    Raises StoreFault without vectors, UsageFault for a model that knows no words or a question that says nothing.
    """
    model = current_model(asking.database)
    if model is None:
        raise StoreError("the catalog holds no vectors yet", "Run `catalogd --once` first.")
    first = WIDEN_FACTOR * count if only.narrow else count + len(question.pictures) + SPARE_CONTENTS
    take = partial(_first_matches, asking, question, only, count)
    return nearest_until(asking, model, _query_vector(asking, model, question), first, take)


def _first_matches(
    asking: CatalogContext, question: SearchQuery, only: SearchFilter, count: int, hits: Iterable[Hit]
) -> tuple[list[tuple[FileEntry, float]], bool]:
    """Return the first `count` files that fit, and whether there were as many."""
    given: list[tuple[FileEntry, float]] = []
    for (_, cosine), entries in hits_with_files(asking, hits, *only.conditions()):
        given += [(entry, cosine) for entry in entries if entry.path not in question.pictures]
        if len(given) >= count:
            return given[:count], True
    return given, False


def _query_vector(asking: CatalogContext, model: Model, question: SearchQuery) -> "np.ndarray":
    """float32 [D], unit length: the sum of what is wanted less the sum of what is not, each a unit vector."""
    import numpy as np

    bundle = bundle_of(asking.config, asking.database, model)
    texts = [*question.words, *question.unlike]
    signs = [1.0] * len(question.words) + [-1.0] * len(question.unlike)
    rows = list(zip(signs, embed_texts(asking, bundle, texts), strict=True)) if texts else []
    rows += [(1.0, embed_file(asking, model, path)) for path in question.pictures]
    if not any(sign > 0 for sign, _ in rows):
        raise UsageError("the question says only what it should not be", "Say what to look for, too.")
    total = np.sum([np.float32(sign) * row for sign, row in rows], axis=0)
    length = float(np.linalg.norm(total))
    if length < 1e-6:
        raise UsageError("the question cancels itself out", "Say what to look for in other words.")
    vector: np.ndarray = (total / length).astype(np.float32)
    return vector


def embed_texts(asking: CatalogContext, bundle: "Bundle", texts: list[str]) -> "np.ndarray":
    """float32 [N, D]: the service's text model where it runs, else ours, loaded for this question."""
    if bundle.text is None:
        raise UsageError(
            f"the model {bundle.name} knows pictures only, it cannot be asked in words", _text_model_remedy(asking)
        )
    return TextEmbedder(asking.config, bundle).say(texts)


def _text_model_remedy(asking: CatalogContext) -> str:
    names = [
        one.name for one in list_bundles(asking.config, asking.database) if one.bundle and one.bundle.text is not None
    ]
    if names:
        return f"These do: {', '.join(names)}. Choose one: `catalog model use NAME`."
    example = "immich-app/ViT-B-16-SigLIP2__webli"
    return f"Pull one that knows words, such as `catalog model pull {example}`, then `catalog model use` it."


def result_record(entry: FileEntry, cosine: float) -> dict[str, Any]:
    """The line that `search --json` promises."""
    from catalog.formatting import path_text

    return {"path": path_text(entry.path), "cosine": round(cosine, 6)}

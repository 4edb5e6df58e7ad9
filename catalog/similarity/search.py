"""Search by texts, by images, and by both: they are combined into one vector, and the nearest images are returned."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from catalog.client.text_vectors import TextEmbedder
from catalog.context import CatalogContext
from catalog.embedding.inventory import list_bundles
from catalog.embedding.selection import bundle_of
from catalog.errors import UsageError
from catalog.files.queries import FileEntry
from catalog.filesystem.paths import subtree_range
from catalog.formatting import path_text
from catalog.similarity.nearest import WIDEN_FACTOR, Hit, embed_file, hits_with_files, nearest_until
from catalog.store.models import Model, require_current_model

if TYPE_CHECKING:
    import numpy as np

    from catalog.json_types.files import SearchResultJson
    from models.bundle.folder import Bundle

SPARE_CONTENTS = 4  # contents requested beyond the wanted ones when there is no filter


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Texts and images that results should resemble, and texts that they should not resemble."""

    texts: tuple[str, ...] = ()
    negative_texts: tuple[str, ...] = ()
    images: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """Conditions on results; an empty field matches all. Dates are ISO 8601, compared as text; sizes in bytes."""

    below: bytes = b""
    since: str = ""
    until: str = ""
    label: str = ""
    format: str = ""
    min_bytes: int = 0
    max_bytes: int = 0
    min_p_delete: float | None = None
    max_p_delete: float | None = None

    def conditions(self) -> tuple[str, list[object]]:
        """Return SQL conditions on the tables of `catalog.files.queries.ENTRY_SQL`, with their values.

        A condition on the date excludes images without a date, one on p_delete those without p_delete.
        """
        low, high = subtree_range(self.below)
        possible: list[tuple[bool, str, tuple[object, ...]]] = [
            (bool(self.below), "(d.path = ? OR (d.path >= ? AND d.path < ?))", (self.below, low, high)),
            (bool(self.since), "c.taken_at >= ?", (self.since,)),
            (bool(self.until), "c.taken_at > '' AND substr(c.taken_at, 1, ?) <= ?", (len(self.until), self.until)),
            (bool(self.label), "l.value = ?", (self.label,)),
            (bool(self.format), "c.format = ?", (self.format,)),
            (bool(self.min_bytes), "f.size >= ?", (self.min_bytes,)),
            (bool(self.max_bytes), "f.size <= ?", (self.max_bytes,)),
            (self.min_p_delete is not None, "s.p_delete >= ?", (self.min_p_delete,)),
            (self.max_p_delete is not None, "s.p_delete <= ?", (self.max_p_delete,)),
        ]
        active = [(sql, values) for is_set, sql, values in possible if is_set]
        return "".join(f" AND {sql}" for sql, _ in active), [value for _, values in active for value in values]


def search(
    context: CatalogContext, query: SearchQuery, conditions: SearchFilter, count: int
) -> list[tuple[FileEntry, float]]:
    """Return the `count` files nearest to the query as (file, cosine), best first, without the query's own images.

    Raises StoreError if the catalog has no vectors, UsageError if the model has no text encoder, or the query has
    nothing to look for.
    """
    model = require_current_model(context.database)
    first = count + len(query.images) + SPARE_CONTENTS if conditions == SearchFilter() else WIDEN_FACTOR * count
    select = partial(_matches, context, query, conditions, count)
    return nearest_until(context, model, _query_vector(context, model, query), first, select)


def _matches(
    context: CatalogContext, query: SearchQuery, conditions: SearchFilter, count: int, hits: Iterable[Hit]
) -> tuple[list[tuple[FileEntry, float]], bool]:
    """Return the first `count` matching files, and whether that many were found."""
    matches: list[tuple[FileEntry, float]] = []
    for (_, cosine), entries in hits_with_files(context, hits, *conditions.conditions()):
        matches += [(entry, cosine) for entry in entries if entry.path not in query.images]
        if len(matches) >= count:
            return matches[:count], True
    return matches, False


def _query_vector(context: CatalogContext, model: Model, query: SearchQuery) -> "np.ndarray":
    """Return float32 [D], unit length: the sum of the wanted unit vectors minus the sum of the unwanted ones."""
    import numpy as np

    bundle = bundle_of(context.config, context.database, model)
    texts = [*query.texts, *query.negative_texts]
    signs = [1.0] * len(query.texts) + [-1.0] * len(query.negative_texts)
    terms = list(zip(signs, embed_texts(context, bundle, texts), strict=True)) if texts else []
    terms += [(1.0, embed_file(context, model, path)) for path in query.images]
    if not any(sign > 0 for sign, _ in terms):
        raise UsageError("the query has only negative terms", "Add a text or an image to look for.")
    total = np.sum([np.float32(sign) * vector for sign, vector in terms], axis=0)
    length = float(np.linalg.norm(total))
    if length < 1e-6:
        raise UsageError("the terms of the query cancel each other out", "Use other words.")
    query_vector: np.ndarray = (total / length).astype(np.float32)
    return query_vector


def embed_texts(context: CatalogContext, bundle: "Bundle", texts: list[str]) -> "np.ndarray":
    """Return float32 [N, D] from the service's text model if it runs, else from one loaded for this query."""
    if bundle.text is None:
        raise UsageError(
            f"the model {bundle.name} has no text encoder, so it cannot search by text", _text_model_remedy(context)
        )
    return TextEmbedder(context.config, bundle).embed(texts)


def _text_model_remedy(context: CatalogContext) -> str:
    names = [
        known.name
        for known in list_bundles(context.config, context.database)
        if known.bundle and known.bundle.text is not None
    ]
    if names:
        return f"These models have one: {', '.join(names)}. Choose one with `catalog model use NAME`."
    example = "immich-app/ViT-B-16-SigLIP2__webli"
    return f"Pull a model with one, such as `catalog model pull {example}`, then run `catalog model use` with its name."


def result_record(entry: FileEntry, cosine: float) -> "SearchResultJson":
    """Return the JSON object that `search --json` documents."""
    return {"path": path_text(entry.path), "cosine": round(cosine, 6)}

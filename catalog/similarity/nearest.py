"""Find the images most similar to one image: with the service's index, else exactly from the stored vectors."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from catalog.client.protocol import MAX_HITS
from catalog.client.service import ServiceClient
from catalog.context import CatalogContext
from catalog.embedding.decode_one import decode_one
from catalog.embedding.selection import bundle_of
from catalog.files.queries import FileEntry, entry_at, files_with_contents
from catalog.similarity.rerank import MAX_RERANK_DEPTH, SimilarContent, rerank
from catalog.store.change_log import timeline_contains
from catalog.store.models import Model, require_current_model

if TYPE_CHECKING:
    import numpy as np

SPARE_CONTENTS = 8  # contents requested beyond k, as some may just have lost their last file
WIDEN_FACTOR = 4  # each further request, after too few results, asks for this many times as many contents
CHUNK_CONTENTS = 500  # contents whose files are queried together: a fifth of the cost of one by one
RESULT_STATES = ("ok", "unreachable", "pending")  # states of files that may be results

Hit = tuple[int, float]  # content id, cosine
Selected = TypeVar("Selected")


class SimilarFile(NamedTuple):
    """A file similar to the query. `explained_share`: see catalog.similarity.rerank.SimilarContent."""

    entry: FileEntry
    cosine: float
    explained_share: float | None


def similar_files(context: CatalogContext, path: bytes, count: int) -> Iterator[SimilarFile]:
    """Return the `count` files nearest to the image at `path`, best first, without `path` itself.

    Among files that are about equally near, those that show the very same image come first. All files of a content are
    included. `path` need not be in the catalog. Raises StoreError if the catalog has no vectors, and as `embed_file`
    does.
    """
    model = require_current_model(context.database)
    entry = entry_at(context.database, path)
    vector = None if entry is None else _stored_vector(context, model, entry)
    own_content = None if entry is None or vector is None else entry.content
    if vector is None:
        vector = embed_file(context, model, path)
    first = max(count, MAX_RERANK_DEPTH) + SPARE_CONTENTS
    matches = nearest_until(context, model, vector, first, partial(_matches, context, path, count))
    files = {found.content: entries for found, entries in matches}
    copies = [found for found, _ in matches if found.content == own_content]
    others = [found for found, _ in matches if found.content != own_content]
    max_pixels = int(context.config.intake.max_megapixels * 1e6)
    ordered = [*copies, *rerank(others, path, files.__getitem__, max_pixels)]
    return islice(
        (SimilarFile(file, cosine, share) for content, cosine, share in ordered for file in files[content]), count
    )


def _matches(
    context: CatalogContext, path: bytes, count: int, hits: Iterable[Hit]
) -> tuple[list[tuple[SimilarContent, list[FileEntry]]], bool]:
    """Return the nearest contents with their files other than `path`, and whether they suffice.

    They suffice if they have `count` files and include every content that `rerank` may compare.
    """
    matches: list[tuple[SimilarContent, list[FileEntry]]] = []
    files = 0
    for (content, cosine), entries in hits_with_files(context, hits):
        others = [entry for entry in entries if entry.path != path]
        if others:
            matches.append((SimilarContent(content, cosine), others))
            files += len(others)
        if files >= count and len(matches) > MAX_RERANK_DEPTH:  # one more, as `path`'s own content may be among them
            return matches, True
    return matches, False


def hits_with_files(
    context: CatalogContext, hits: Iterable[Hit], conditions: str = "", values: Sequence[object] = ()
) -> Iterator[tuple[Hit, list[FileEntry]]]:
    """Yield each hit that has files to show, with those files. `conditions`: see `files_with_contents`."""
    remaining = iter(hits)
    while chunk := list(islice(remaining, CHUNK_CONTENTS)):
        files = files_with_contents(context.database, [content for content, _ in chunk], conditions, values)
        for content, cosine in chunk:
            entries = [entry for entry in files.get(content, ()) if entry.state in RESULT_STATES]
            if entries:
                yield (content, cosine), entries


def _stored_vector(context: CatalogContext, model: Model, entry: FileEntry) -> "np.ndarray | None":
    from catalog.store.vectors import unpack_vectors

    if entry.state not in ("ok", "unreachable"):
        return None
    data = context.database.value("SELECT data FROM vector WHERE content = ? AND model = ?", entry.content, model.id)
    if data is None or len(data) != 2 * model.dims:
        return None
    vector: np.ndarray
    (vector,) = unpack_vectors([data], model.dims)
    return vector


def nearest_until(
    context: CatalogContext,
    model: Model,
    vector: "np.ndarray",
    first: int,
    select: Callable[[Iterable[Hit]], tuple[Selected, bool]],
) -> Selected:
    """Return what `select` makes of the contents nearest to a unit vector, float32 [D], best first.

    `select` returns its selection and whether it had enough hits. It is called with the `first` nearest, then with
    more and more of them, and finally, or without the service, with every content in the catalog.
    """
    requested = min(first, MAX_HITS)
    while (hits := _service_hits(context, model, vector, requested)) is not None:
        selected, enough = select(hits)
        if enough or len(hits) < requested:  # the service returns fewer only if the catalog has no more
            return selected
        if requested == MAX_HITS:
            break
        requested = min(WIDEN_FACTOR * requested, MAX_HITS)
    from catalog.store.vectors import exact_ranking

    selected, _ = select(exact_ranking(context.database, model.id, model.dims, vector))
    return selected


def hits_per_vector(context: CatalogContext, model: Model, vectors: "np.ndarray", count: int) -> list[list[Hit]]:
    """Return the `count` contents nearest to each vector, float32 [N, D], best first.

    Without the service, one pass over the stored vectors answers for all of them.
    """
    found: list[list[Hit]] = []
    for vector in vectors:
        hits = _service_hits(context, model, vector, count)
        if hits is None:
            break
        found.append(hits)
    if len(found) < len(vectors):
        from catalog.store.vectors import exact_nearest_each

        rest = exact_nearest_each(context.database, model.id, model.dims, vectors[len(found) :], count)
        found += [[(content, cosine) for _, content, cosine in best] for best in rest]
    return found


def _service_hits(context: CatalogContext, model: Model, vector: "np.ndarray", count: int) -> list[Hit] | None:
    """Return `count` hits from the service, fewer only if the catalog has no more.

    Returns None if no service runs, or if it cannot answer for this catalog: its index is too far behind, it serves
    another model, or it opened a catalog that has been replaced since.
    """
    answer = ServiceClient(context.config.state).similar(model.digest, vector, count)
    if answer is None or not timeline_contains(context.database, answer["timeline"], answer["seq"]):
        return None
    return [(int(content), float(cosine)) for content, cosine in answer["hits"]]


def embed_file(context: CatalogContext, model: Model, path: bytes) -> "np.ndarray":
    """Return the model's vector of a file on disk, float32 [D]. The image is decoded in a child process.

    Raises ResourceError if the file or the bundle does not exist, UsageError if the file is not an intact image.
    """
    import numpy as np

    bundle = bundle_of(context.config, context.database, model)
    pixels = decode_one(path, bundle.recipe, context.config.intake)
    answer = ServiceClient(context.config.state).embed(model.digest, pixels)
    if answer is not None:
        return answer
    from models.runtime.session import Session

    vector: np.ndarray
    (vector,) = Session(bundle, provider="cpu").run(pixels[None])
    return vector

"""The images most like one image: from the service's index in milliseconds, else exactly from the stored vectors."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from catalog.client.protocol import MOST_HITS
from catalog.client.service import ServiceClient
from catalog.context import CatalogContext
from catalog.embedding.decode_one import decode_one
from catalog.embedding.selection import bundle_of
from catalog.errors import StoreError
from catalog.files.queries import FileEntry, entry_at, files_with_contents
from catalog.similarity.rerank import MAX_RERANK_DEPTH as CONTESTANTS
from catalog.similarity.rerank import SimilarContent, rerank
from catalog.store.change_log import timeline_contains
from catalog.store.models import Model, current_model

if TYPE_CHECKING:
    import numpy as np

SPARE_CONTENTS = 8  # contents to ask for beyond k: one may have lost its last file a moment ago
WIDEN_FACTOR = 4  # times as many contents are asked for where those before were too few
CHUNK_CONTENTS = 500  # contents whose files are looked up together: at a fifth of the cost of one by one
RESULT_STATES = ("ok", "unreachable", "pending")  # states of files that may be named

Hit = tuple[int, float]  # content id, cosine
Taken = TypeVar("Taken")


class SimilarFile(NamedTuple):
    """A file like another one. `same`: see catalog.similarity.rerank.SimilarContent."""

    entry: FileEntry
    cosine: float
    same: float | None


def similar_files(asking: CatalogContext, path: bytes, count: int) -> Iterator[SimilarFile]:
    """The `count` files nearest to the image at `path`, itself left out, best first; where several are equally near,
    those first that show the very same picture.

    Of a content that several files hold, each file is given. `path` need not be in the catalog.
    """
    model = current_model(asking.database)
    if model is None:
        raise StoreError("the catalog holds no vectors yet", "Run `catalogd --once` first.")
    entry = entry_at(asking.database, path)
    vector = None if entry is None else _stored_vector(asking, model, entry)
    own = None if entry is None or vector is None else entry.content
    if vector is None:
        vector = embed_file(asking, model, path)
    held = nearest_until(
        asking, model, vector, max(count, CONTESTANTS) + SPARE_CONTENTS, partial(_enough_matches, asking, path, count)
    )
    files = {found.content: entries for found, entries in held}
    nearest = [found for found, _ in held]
    copies, others = [one for one in nearest if one.content == own], [one for one in nearest if one.content != own]
    max_pixels = int(asking.config.intake.max_megapixels * 1e6)
    ordered = [*copies, *rerank(others, path, files.__getitem__, max_pixels)]
    return islice(
        (SimilarFile(file, cosine, same) for content, cosine, same in ordered for file in files[content]), count
    )


def _enough_matches(
    asking: CatalogContext, path: bytes, count: int, hits: Iterable[Hit]
) -> tuple[list[tuple[SimilarContent, list[FileEntry]]], bool]:
    """Return the nearest contents with their files other than `path`, and whether they suffice: for `count` files, and
    for all contents that `told_apart` compares.
    """
    held: list[tuple[SimilarContent, list[FileEntry]]] = []
    files = 0
    for hit, entries in hits_with_files(asking, hits):
        others = [one for one in entries if one.path != path]
        if others:
            held.append((SimilarContent(*hit), others))
            files += len(others)
        if files >= count and len(held) > CONTESTANTS:  # one more, since `path`'s own may be among them
            return held, True
    return held, False


def hits_with_files(
    asking: CatalogContext, hits: Iterable[Hit], fitting: str = "", values: Sequence[object] = ()
) -> Iterator[tuple[Hit, list[FileEntry]]]:
    """Yield each hit that has files to name, with those files. `fitting`: see `holders_of`."""
    left = iter(hits)
    while chunk := list(islice(left, CHUNK_CONTENTS)):
        held = files_with_contents(asking.database, [content for content, _ in chunk], fitting, values)
        for hit in chunk:
            entries = [entry for entry in held.get(hit[0], ()) if entry.state in RESULT_STATES]
            if entries:
                yield hit, entries


def _stored_vector(asking: CatalogContext, model: Model, entry: FileEntry) -> Any:
    from catalog.store.vectors import unpack_vectors

    if entry.state not in ("ok", "unreachable"):
        return None
    data = asking.database.value("SELECT data FROM vector WHERE content = ? AND model = ?", entry.content, model.id)
    return None if data is None else unpack_vectors([data], model.dims)[0]


def nearest_until(
    asking: CatalogContext,
    model: Model,
    vector: "np.ndarray",
    first: int,
    take: Callable[[Iterable[Hit]], tuple[Taken, bool]],
) -> Taken:
    """Return what `take` makes of the contents nearest to a unit vector, float32 [D], best first.

    `take` also says whether it had enough. It is given the `first` from the index, then more and more of them, and in
    the end, or without the service, every content in the catalog.
    """
    wanted = min(first, MOST_HITS)
    while (hits := _service_hits(asking, model, vector, wanted)) is not None:
        taken, enough = take(hits)
        if enough or len(hits) < wanted:  # the service gives fewer only where the catalog has no more
            return taken
        if wanted == MOST_HITS:
            break
        wanted = min(WIDEN_FACTOR * wanted, MOST_HITS)
    from catalog.store.vectors import exact_ranking

    return take(exact_ranking(asking.database, model.id, model.dims, vector))[0]


def hits_per_vector(asking: CatalogContext, model: Model, vectors: "np.ndarray", count: int) -> list[list[Hit]]:
    """Return the `count` contents nearest to each vector, float32 [N, D], best first.

    Without the service, one pass over the stored vectors answers for all of them.
    """
    found: list[list[Hit]] = []
    for vector in vectors:
        answer = _service_hits(asking, model, vector, count)
        if answer is None:
            break
        found.append(answer)
    if len(found) < len(vectors):
        from catalog.store.vectors import exact_nearest_each

        rest = exact_nearest_each(asking.database, model.id, model.dims, vectors[len(found) :], count)
        found += [[(content, cosine) for _, content, cosine in best] for best in rest]
    return found


def _service_hits(asking: CatalogContext, model: Model, vector: "np.ndarray", count: int) -> list[Hit] | None:
    """Return `count` hits from the service, fewer only where the catalog has no more.

    None without a service, and from one that cannot answer for this catalog: its index is too far behind, it serves
    another model, or its catalog is not the one that lies here now.
    """
    answer = ServiceClient(asking.config.state).similar(model.digest, vector, count)
    if answer is None or not timeline_contains(asking.database, answer["timeline"], answer["seq"]):
        return None
    return [(int(content), float(cosine)) for content, cosine in answer["hits"]]


def embed_file(asking: CatalogContext, model: Model, path: bytes) -> "np.ndarray":
    """The model's vector of a file on disk, float32 [D]. Decoded in a child of ours.

    Raises PlaceFault for a file or a bundle that is not there, UsageFault for a file that is no healthy image.
    """
    import numpy as np

    bundle = bundle_of(asking.config, asking.database, model)
    pixels = decode_one(path, bundle.recipe, asking.config.intake)
    answer = ServiceClient(asking.config.state).embed(model.digest, pixels)
    if answer is not None:
        return answer
    from models.runtime.session import Session

    vector: np.ndarray = Session(bundle, provider="cpu").run(pixels[None])[0]
    return vector

"""Tests of `search` and `similar` on a catalog with more contents than the service returns in one answer."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np
import pytest

from catalog.client.protocol import MAX_HITS
from catalog.context import CatalogContext
from catalog.embedding.selection import configured_bundle
from catalog.files.results import add_vector
from catalog.similarity.nearest import embed_file, similar_files
from catalog.similarity.search import SearchFilter, SearchQuery, search
from catalog.store.change_log import begin_timeline
from catalog.store.database import Database
from catalog.store.models import current_model
from catalog.store.vectors import Floats, pack_vectors, unpack_vectors
from tests.support.index_over_socket import serve_index
from tests.support.running_service import RunningService, picture

COUNT, UNREADABLE, FAR = 12_000, 40, 1_500
DIRECTORIES = (b"/many", b"/many/deep", b"/few")


class File(NamedTuple):
    """A file and the properties that filters test. `cosine`: of its content to the query."""

    content: int
    path: bytes
    cosine: float
    directory: bytes
    format: str
    size: int
    taken_at: str | None
    label: str | None
    readable: bool


class LargeCatalog(NamedTuple):
    """A catalog of synthetic contents around one query image; `files` by descending cosine."""

    service: RunningService
    query: bytes
    files: list[File]


def vectors(query: Floats) -> Floats:
    """Return float32 [COUNT, D] with falling cosine to the query; of low rank, so that the index finds all of them."""
    random = np.random.default_rng(5)
    orthogonal = random.normal(size=(COUNT, 6)) @ random.normal(size=(6, len(query)))
    orthogonal -= (orthogonal @ query)[:, None] * query
    orthogonal /= np.linalg.norm(orthogonal, axis=1, keepdims=True)
    cosines = np.linspace(0.99, 0.2, COUNT)[:, None]
    exact = cosines * query + np.sqrt(1 - cosines**2) * orthogonal
    return unpack_vectors(pack_vectors(exact.astype(np.float32)), len(query))


def files_of(rank: int, cosine: float) -> list[File]:
    """Return the files of the content at this rank. Rare properties are mostly beyond the nearest ten thousand."""
    from_end = COUNT - 1 - rank
    far = from_end < FAR
    file = File(
        content=rank + 1,
        path=b"",
        cosine=cosine,
        directory=DIRECTORIES[2 if (far and from_end % 4 == 0) or rank % 800 == 5 else rank % 2],
        format="gif" if far and from_end % 148 == 4 else "png" if rank % 3 else "jpeg",
        size=9_000_000 if rank % 1000 == 999 else 1000 + rank,
        taken_at=f"20{rank % 20:02}-05-01T12:00:00" if rank % 7 else None,
        label="delete" if far and from_end % 11 == 0 else "keep" if rank % 600 == 0 else None,
        readable=rank >= UNREADABLE,
    )
    copies = [file, file] if rank % 50 == 45 else [file]
    return [copy._replace(path=copy.directory + b"/%d-%d" % (rank, number)) for number, copy in enumerate(copies)]


@pytest.fixture(scope="module")
def large_catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LargeCatalog]:
    folder = tmp_path_factory.mktemp("large")
    service = RunningService(folder)
    service.state.mkdir()
    (folder / "query.png").write_bytes(picture(7))
    query = os.fsencode(folder / "query.png")
    database = Database(service.config.database, write=True)
    yield LargeCatalog(service, query, fill(service, database, query))
    database.close()


def fill(service: RunningService, database: Database, query: bytes) -> list[File]:
    bundle = configured_bundle(service.config)
    with database.transaction():
        begin_timeline(database, "many", 0.0)
        database.run(
            "INSERT INTO model VALUES (1, ?, 'tiny', ?, 'cpu', 1, 0, 'current', ?)",
            *(bundle.id, bundle.dims, str(bundle.folder)),
        )
        database.run("INSERT INTO volume(id, path, kind, identity, since) VALUES (1, x'2f', 'root', 'i', 0.0)")
        database.many("INSERT INTO directory(volume, path) VALUES (1, ?)", ((directory,) for directory in DIRECTORIES))
    context, model = CatalogContext(service.config), current_model(database)
    assert model is not None
    query_vector = embed_file(context, model, query)
    stored = vectors(query_vector)
    files = [file for rank, cosine in enumerate((stored @ query_vector).tolist()) for file in files_of(rank, cosine)]
    with database.transaction():
        insert(database, files, pack_vectors(stored))
    return sorted(files, key=lambda file: -file.cosine)


def insert(database: Database, files: list[File], data: list[bytes]) -> None:
    contents = {file.content: file for file in files}
    database.many(
        "INSERT INTO content(id, sha256, bytes, format, taken_at) VALUES (?, ?, ?, ?, ?)",
        ((id, id.to_bytes(32, "big"), file.size, file.format, file.taken_at) for id, file in contents.items()),
    )
    database.many(
        "INSERT INTO label(content, value, source, at) VALUES (?, ?, 'hand', 0)",
        ((id, file.label) for id, file in contents.items() if file.label),
    )
    database.many(
        "INSERT INTO file(directory, name, size, mtime_ns, ctime_ns, inode, content, state, reason, first_seen)"
        " SELECT id, ?, ?, 0, 0, ?, ?, ?, ?, 0 FROM directory WHERE path = ?",
        (
            (os.path.basename(file.path), file.size, inode, file.content, *state_and_reason(file), file.directory)
            for inode, file in enumerate(files)
        ),
    )
    for id, vector in zip(contents, data, strict=True):
        add_vector(database, id, 1, vector)


def state_and_reason(file: File) -> tuple[str, str | None]:
    return ("ok", None) if file.readable else ("rejected", "damaged")


@pytest.fixture(scope="module", params=["index", "alone"])
def searched(request: pytest.FixtureRequest, large_catalog: LargeCatalog) -> Iterator[LargeCatalog]:
    """Yield the large catalog, with and without an index that answers."""
    with ExitStack() as stack:
        if request.param == "index":
            stack.enter_context(serve_index(large_catalog.service.config.database, large_catalog.service))
        yield large_catalog


def assert_best(found: list[tuple[bytes, float]], matching: list[File], count: int) -> None:
    """Assert that these are the best `count` of the matching files. The order of equal cosines is not defined."""
    expected = matching[:count]
    assert [cosine for _, cosine in found] == pytest.approx([file.cosine for file in expected], abs=1e-5)
    assert len({path for path, _ in found}) == len(found)
    assert {path for path, _ in found} <= {file.path for file in matching}


FILTERS: dict[str, tuple[SearchFilter, Callable[[File], bool]]] = {
    "none": (SearchFilter(), lambda file: True),
    "folder": (SearchFilter(below=b"/few"), lambda file: file.directory == b"/few"),
    "folder of folders": (SearchFilter(below=b"/many"), lambda file: file.directory != b"/few"),
    "format": (SearchFilter(format="gif"), lambda file: file.format == "gif"),
    "folder and format": (
        SearchFilter(below=b"/few", format="gif"),
        lambda file: (file.directory, file.format) == (b"/few", "gif"),
    ),
    "label": (SearchFilter(label="delete"), lambda file: file.label == "delete"),
    "size": (SearchFilter(min_bytes=5_000_000), lambda file: file.size >= 5_000_000),
    "date": (
        SearchFilter(since="2019", until="2019-06"),
        lambda file: file.taken_at is not None and file.taken_at[:4] == "2019",
    ),
    "no match": (SearchFilter(format="webp"), lambda file: False),
}


@pytest.mark.parametrize("count", [1, 30, 400, MAX_HITS])
@pytest.mark.parametrize("name", FILTERS)
def test_search_returns_the_best_matches(searched: LargeCatalog, name: str, count: int) -> None:
    conditions, matches = FILTERS[name]
    matching = [file for file in searched.files if file.readable and matches(file)]
    assert bool(matching) == (name != "no match")
    found = search(CatalogContext(searched.service.config), SearchQuery(images=(searched.query,)), conditions, count)
    assert_best([(entry.path, cosine) for entry, cosine in found], matching, count)


@pytest.mark.parametrize("count", [1, 30, MAX_HITS])
def test_similar_returns_the_nearest_readable_files(searched: LargeCatalog, count: int) -> None:
    """The forty nearest contents have no readable file."""
    found = list(similar_files(CatalogContext(searched.service.config), searched.query, count))
    matching = [file for file in searched.files if file.readable]
    assert_best([(similar.entry.path, similar.cosine) for similar in found], matching, count)

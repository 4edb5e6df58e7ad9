"""`search` and `similar` of more contents than the service gives in one answer: always the best ones that fit."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np
import pytest

from catalog.client.protocol import MOST_HITS
from catalog.context import CatalogContext
from catalog.embedding.selection import configured_bundle
from catalog.files.results import add_vector
from catalog.similarity.nearest import embed_file, similar_files
from catalog.similarity.search import SearchFilter, SearchQuery, search
from catalog.store.change_log import begin_timeline
from catalog.store.database import Database
from catalog.store.models import current_model
from catalog.store.vectors import Floats, pack_vectors, unpack_vectors
from tests.support.index_over_socket import answering
from tests.support.running_service import Household, picture

COUNT, UNREADABLE, FAR = 12_000, 40, 1_500
DIRECTORIES = (b"/many", b"/many/deep", b"/few")


class File(NamedTuple):
    """One file, and what a filter may ask of it. `cosine`: its content's to the question."""

    content: int
    path: bytes
    cosine: float
    directory: bytes
    format: str
    size: int
    taken_at: str | None
    label: str | None
    readable: bool


class Many(NamedTuple):
    """A household with synthetic contents about one question; `files` by falling cosine."""

    house: Household
    question: bytes
    files: list[File]


def vectors(question: Floats) -> Floats:
    """float32 [COUNT, D], ever less like the question; in few dimensions, so that the index finds every one."""
    dice = np.random.default_rng(5)
    apart = dice.normal(size=(COUNT, 6)) @ dice.normal(size=(6, len(question)))
    apart -= (apart @ question)[:, None] * question
    apart /= np.linalg.norm(apart, axis=1, keepdims=True)
    cosines = np.linspace(0.99, 0.2, COUNT)[:, None]
    made = cosines * question + np.sqrt(1 - cosines**2) * apart
    return unpack_vectors(pack_vectors(made.astype(np.float32)), len(question))


def files_of(place: int, cosine: float) -> list[File]:
    """The files of the content at this place by cosine. What is rare lies beyond the nearest ten thousand, mostly."""
    last = COUNT - 1 - place
    far = last < FAR
    one = File(
        content=place + 1,
        path=b"",
        cosine=cosine,
        directory=DIRECTORIES[2 if (far and last % 4 == 0) or place % 800 == 5 else place % 2],
        format="gif" if far and last % 148 == 4 else "png" if place % 3 else "jpeg",
        size=9_000_000 if place % 1000 == 999 else 1000 + place,
        taken_at=f"20{place % 20:02}-05-01T12:00:00" if place % 7 else None,
        label="delete" if far and last % 11 == 0 else "keep" if place % 600 == 0 else None,
        readable=place >= UNREADABLE,
    )
    copies = [one, one] if place % 50 == 45 else [one]
    return [file._replace(path=file.directory + b"/%d-%d" % (place, at)) for at, file in enumerate(copies)]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Many]:
    folder = tmp_path_factory.mktemp("many")
    house = Household(folder)
    house.state.mkdir()
    (folder / "question.png").write_bytes(picture(7))
    question = os.fsencode(folder / "question.png")
    database = Database(house.config.database, write=True)
    yield Many(house, question, fill(house, database, question))
    database.close()


def fill(house: Household, database: Database, question: bytes) -> list[File]:
    bundle = configured_bundle(house.config)
    with database.transaction():
        begin_timeline(database, "many", 0.0)
        database.run(
            "INSERT INTO model VALUES (1, ?, 'tiny', ?, 'cpu', 1, 0, 'current', ?)",
            *(bundle.id, bundle.dims, str(bundle.folder)),
        )
        database.run("INSERT INTO volume(id, path, kind, identity, since) VALUES (1, x'2f', 'root', 'i', 0.0)")
        database.many("INSERT INTO directory(volume, path) VALUES (1, ?)", ((one,) for one in DIRECTORIES))
    asking, model = CatalogContext(house.config), current_model(database)
    assert model is not None
    asked = embed_file(asking, model, question)
    made = vectors(asked)
    files = [file for place, cosine in enumerate((made @ asked).tolist()) for file in files_of(place, cosine)]
    with database.transaction():
        put(database, files, pack_vectors(made))
    return sorted(files, key=lambda file: -file.cosine)


def put(database: Database, files: list[File], data: list[bytes]) -> None:
    contents = {file.content: file for file in files}
    database.many(
        "INSERT INTO content(id, sha256, bytes, format, taken_at) VALUES (?, ?, ?, ?, ?)",
        ((id, id.to_bytes(32, "big"), one.size, one.format, one.taken_at) for id, one in contents.items()),
    )
    database.many(
        "INSERT INTO label(content, value, source, at) VALUES (?, ?, 'hand', 0)",
        ((id, one.label) for id, one in contents.items() if one.label),
    )
    database.many(
        "INSERT INTO file(directory, name, size, mtime_ns, ctime_ns, inode, content, state, reason, first_seen)"
        " SELECT id, ?, ?, 0, 0, ?, ?, ?, ?, 0 FROM directory WHERE path = ?",
        (
            (os.path.basename(one.path), one.size, inode, one.content, *stands(one), one.directory)
            for inode, one in enumerate(files)
        ),
    )
    for id, vector in zip(contents, data, strict=True):
        add_vector(database, id, 1, vector)


def stands(file: File) -> tuple[str, str | None]:
    return ("ok", None) if file.readable else ("rejected", "damaged")


@pytest.fixture(scope="module", params=["index", "alone"])
def asked(request: pytest.FixtureRequest, many: Many) -> Iterator[Many]:
    """With an index that answers, and without."""
    with ExitStack() as stack:
        if request.param == "index":
            stack.enter_context(answering(many.house.config.database, many.house))
        yield many


def expect(found: list[tuple[bytes, float]], fitting: list[File], count: int) -> None:
    """The best `count` of those that fit; which of two comes first whose cosines are equal is not told."""
    expected = fitting[:count]
    assert [cosine for _, cosine in found] == pytest.approx([file.cosine for file in expected], abs=1e-5)
    assert len({path for path, _ in found}) == len(found)
    assert {path for path, _ in found} <= {file.path for file in fitting}


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
    "nothing fits": (SearchFilter(format="webp"), lambda file: False),
}


@pytest.mark.parametrize("count", [1, 30, 400, MOST_HITS])
@pytest.mark.parametrize("name", FILTERS)
def test_a_search_gives_the_best_that_fit(asked: Many, name: str, count: int) -> None:
    only, fits = FILTERS[name]
    fitting = [file for file in asked.files if file.readable and fits(file)]
    assert bool(fitting) == (name != "nothing fits")
    found = search(CatalogContext(asked.house.config), SearchQuery(images=(asked.question,)), only, count)
    expect([(entry.path, cosine) for entry, cosine in found], fitting, count)


@pytest.mark.parametrize("count", [1, 30, MOST_HITS])
def test_similar_gives_the_nearest_that_can_be_named(asked: Many, count: int) -> None:
    """The nearest forty contents have no file that can be read now."""
    found = list(similar_files(CatalogContext(asked.house.config), asked.question, count))
    fitting = [file for file in asked.files if file.readable]
    expect([(one.entry.path, one.cosine) for one in found], fitting, count)

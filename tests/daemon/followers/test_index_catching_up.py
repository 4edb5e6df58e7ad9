"""While the index is behind, every answer equals that of a complete index."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catalog.client.service import ask_service
from catalog.context import CatalogContext
from catalog.embedding.selection import configured_bundle
from catalog.similarity.nearest import hits_per_vector
from catalog.store.database import Database
from catalog.store.models import Model, current_model
from catalog.store.vectors import exact_nearest_each, pack_vectors, unpack_vectors
from tests.support.catalog_rows import CatalogBuilder, directions
from tests.support.index_over_socket import serve_index
from tests.support.running_service import RunningService, picture
from tests.support.waiting import wait_until

PICTURES = 30
CONTENTS = 27


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    made = RunningService(tmp_path)
    for number in range(PICTURES):
        made.path(f"{number:02}.png").write_bytes(picture(number % CONTENTS))
    assert made.once().returncode == 0
    for path in made.state.glob("index-*"):
        path.unlink()
    yield made
    made.close()


def start_behind(service: RunningService) -> None:
    """Start a service whose index applies no change before `let_take` allows it."""
    let_take(service, 0)
    injected = Path(__file__).parents[2] / "injected" / "slow_index"
    service.start(PYTHONPATH=str(injected), INDEX_MAY_TAKE=str(service.folder / "may take"))


def let_take(service: RunningService, changes: int) -> None:
    (service.folder / "may take").write_text(str(changes))


def state(service: RunningService, path: Path) -> str:
    return service.states().get(os.fsencode(path), ("", None, None))[0]


def answers(service: RunningService) -> dict[str, Any]:
    """Return what every command answers for one image: names by rank, since the last bits of a cosine may differ."""
    question = service.path("07.png")
    asking = CatalogContext(service.config)
    model = current_model(asking.database)
    assert model is not None
    rows = asking.database.rows("SELECT data FROM vector WHERE model = ? AND live = 1 ORDER BY id LIMIT 9", model.id)
    each = hits_per_vector(asking, model, unpack_vectors([row[0] for row in rows], model.dims), 12)
    return {
        "similar": [one["path"] for one in service.json_lines("similar", "-k", "12", question)],
        "show": [one["path"] for one in service.json_lines("show", "-k", "12", question)[0]["neighbours"]],
        "search": [one["path"] for one in service.json_lines("search", "-k", "12", "--like", question)],
        "each": [[content for content, _ in hits] for hits in each],
    }


def lag(service: RunningService) -> int:
    live = service.live()
    assert live is not None
    return int(live["index"]["lag"])


def test_every_answer_during_a_rebuild_is_exact(service: RunningService) -> None:
    expected = answers(service)
    assert {len(expected[one]) for one in ("similar", "show", "search")} == {12}
    start_behind(service)
    for changes in range(CONTENTS + 1):
        let_take(service, changes)
        assert wait_until(lambda left=CONTENTS - changes: lag(service) == left)  # type: ignore[misc]
        assert answers(service) == expected, f"{CONTENTS - changes} changes were still to come"


def test_answers_of_a_stopped_index_include_new_contents_and_omit_deleted_ones(service: RunningService) -> None:
    start_behind(service)
    twin, gone = service.path("twin.png"), Path(answers(service)["similar"][0])
    Image.open(service.path("07.png")).save(twin, compress_level=0)
    gone.unlink()
    assert wait_until(lambda: (state(service, twin), state(service, gone)) == ("ok", "gone")), service.tail()
    assert lag(service) > CONTENTS
    found = answers(service)
    assert found["similar"][0] == str(twin) and str(gone) not in found["similar"]
    service.kill()
    assert found == answers(service)


def request(service: RunningService, **changes: object) -> dict[str, Any]:
    model = asked_model(service)
    vector = base64.b64encode(directions(1, dims=model.dims)[0].tobytes()).decode("ascii")
    answer = ask_service(service.state, {"op": "similar", "model": model.digest, "vector": vector, "k": 3} | changes)
    assert answer is not None
    return answer


def asked_model(service: RunningService) -> Model:
    model = current_model(CatalogContext(service.config).database)
    assert model is not None
    return model


def test_an_answer_names_its_seq_and_is_refused_when_the_index_is_far_behind(service: RunningService) -> None:
    service.start()
    assert wait_until(lambda: not lag(service))
    answer = request(service)
    ((seq, token),) = service.rows("SELECT (SELECT max(seq) FROM vector), token FROM timeline ORDER BY id DESC LIMIT 1")
    assert (len(answer["hits"]), answer["seq"], answer["timeline"]) == (3, seq, token)
    assert service.stop() == 0
    for path in service.state.glob("index-*"):
        path.unlink()
    start_behind(service)
    refused = request(service)
    assert not refused["ok"] and "yet to apply" in refused["error"] and "`catalog` command" in refused["remedy"]


def test_invalid_requests_are_refused_with_a_message(service: RunningService) -> None:
    service.start()
    for k in (0, -1, -1e9, 1e30, 10_001, 2.5, "7", None, True, [3]):
        refused = request(service, k=k)
        assert not refused["ok"] and "`k` is not a whole number from 1 to 10000" in refused["error"], k
    for wrong in (np.nan, np.inf, -np.inf):
        vector = directions(1, dims=48)[0]
        vector[5] = wrong
        refused = request(service, vector=base64.b64encode(vector.tobytes()).decode("ascii"))
        assert not refused["ok"] and "not finite" in refused["error"], wrong
    for model in ("another", None, 7):
        for op in ("similar", "embed"):
            refused = request(service, op=op, model=model, pixels="")
            assert not refused["ok"] and "answers for the model tiny" in refused["error"], (op, model)
    for wrong in ({"begin": True, "limit": -1_000_000_000}, {"begin": True, "limit": 1e30}, {"cancel": "x"}):
        refused = request(service, op="scrub", **wrong)
        assert not refused["ok"] and "is not a whole number from 0" in refused["error"], wrong


def test_another_model_with_vectors_of_the_same_length_is_not_used(service: RunningService) -> None:
    """As between the promotion of a model and the assembly of the new service."""
    service.start()
    assert wait_until(lambda: not lag(service))
    database = Database(service.config.database, write=True)
    contents = [row[0] for row in database.rows("SELECT content FROM vector ORDER BY id")]
    vectors = directions(len(contents), dims=48)
    with database.transaction():
        database.run("INSERT INTO model VALUES (99, 'other', 'other', 48, '', 0, 0, NULL, NULL)")
        for content, data in zip(contents, pack_vectors(vectors), strict=True):
            database.run("UPDATE clock SET seq = seq + 1")
            database.run(
                "INSERT INTO vector(content, model, seq, live, data) SELECT ?, 99, seq, 1, ? FROM clock", content, data
            )
    other = asked_model(service)._replace(id=99, digest="other", name="other")
    found = hits_per_vector(CatalogContext(service.config), other, vectors[:5], 3)
    assert [[content for content, _ in hits] for hits in found] == [
        [content for _, content, _ in hits] for hits in exact_nearest_each(database, 99, 48, vectors[:5], 3)
    ]
    database.close()


@pytest.mark.parametrize("went_on", [False, True])
def test_a_service_that_still_uses_a_replaced_catalog_is_not_used(
    service: RunningService, tmp_path: Path, went_on: bool
) -> None:
    """It goes on with the deleted file, in which the ids belong to other images."""
    bundle = configured_bundle(service.config)
    (tmp_path / "served").mkdir()
    served = CatalogBuilder(tmp_path / "served", bundle.dims, bundle.id)
    served.add_images(directions(20, dims=bundle.dims))
    served.db.shrink_log()
    service.config.database.write_bytes(served.path.read_bytes())
    vectors, others = directions(10, 1, bundle.dims), directions(10, 2, bundle.dims)
    served.add_images(vectors)
    if went_on:
        CatalogBuilder(service.state, bundle.dims, bundle.id).add_images(others)
    asking = CatalogContext(service.config)
    expected = exact_nearest_each(asking.database, 1, bundle.dims, vectors, 3)
    with serve_index(served.path, service) as follower:
        found = hits_per_vector(asking, asked_model(service), vectors, 3)
        assert [hits[0][1] for hits in found] == pytest.approx([hits[0][2] for hits in expected])
        assert follower.search(vectors[0], 1).hits[0] == (21, pytest.approx(1))

"""The parts that answer, in the process of a test: an index at the socket of a household whose service does not run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog.embedding.selection import configured_bundle
from daemon.api.operations import search_by_vector
from daemon.api.requests import similar_request
from daemon.api.server import ApiServer
from daemon.embed.model_loader import LoadedModel
from daemon.followers.index import IndexFollower
from daemon.writer import Writer
from tests.support.running_service import Household


@contextmanager
def answering(catalog: Path, house: Household) -> Iterator[IndexFollower]:
    """The index of the first model of a catalog, caught up."""
    bundle = configured_bundle(house.config)
    follower = IndexFollower(catalog, catalog.parent, 1, bundle.id, bundle.dims)
    follower.start()
    while follower.step():
        pass
    model = LoadedModel(bundle, house.config, 1, Writer(catalog))
    answerer = ApiServer(
        house.state / "socket",
        {"similar": lambda request: search_by_vector(follower.search, model, similar_request(request))},
    )
    answerer.start()
    try:
        yield follower
    finally:
        answerer.stop()
        follower.close()

"""The parts that answer, in the process of a test: an index at the socket of a household whose service does not run."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from catalog.embedding.selection import find_bundle
from daemon.api.operations import similar
from daemon.api.server import Answerer
from daemon.embed.model_loader import Network
from daemon.followers.index import IndexFollower
from daemon.writer import Writer
from tests.support.running_service import Household


@contextmanager
def answering(catalog: Path, house: Household) -> Iterator[IndexFollower]:
    """The index of the first model of a catalog, caught up."""
    bundle = find_bundle(house.config)
    follower = IndexFollower(catalog, catalog.parent, 1, bundle.id, bundle.dims)
    follower.start()
    while follower.step():
        pass
    network = Network(bundle, house.config, 1, Writer(catalog))
    answerer = Answerer(house.state / "socket", {"similar": partial(similar, follower.search, network)})
    answerer.start()
    try:
        yield follower
    finally:
        answerer.stop()
        follower.close()

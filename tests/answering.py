"""The parts that answer, in the process of a test: an index at the socket of a household whose service does not run."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from household import Household

from catalog.bundles import find_bundle
from daemon.answer import Answerer
from daemon.index import IndexFollower
from daemon.network import Network
from daemon.operations import similar
from daemon.write import Writer


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

"""An index served in the test's own process, at the socket of a service that does not run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog.embedding.selection import configured_bundle
from daemon.api.operations import search_by_vector
from daemon.api.server import ApiServer
from daemon.embed.model_loader import LoadedModel
from daemon.followers.index import IndexFollower
from daemon.writer import Writer
from tests.support.running_service import RunningService


@contextmanager
def serve_index(catalog: Path, service: RunningService) -> Iterator[IndexFollower]:
    """Yield the index of the first model of a catalog, caught up and answering at the socket."""
    bundle = configured_bundle(service.config)
    follower = IndexFollower(catalog, catalog.parent, 1, bundle.id, bundle.dims)
    follower.start()
    while follower.step():
        pass
    model = LoadedModel(bundle, service.config, 1, Writer(catalog))
    server = ApiServer(
        service.state / "socket",
        {"similar": lambda request: search_by_vector(follower.search, model, request)},
    )
    server.start()
    try:
        yield follower
    finally:
        server.stop()
        follower.close()

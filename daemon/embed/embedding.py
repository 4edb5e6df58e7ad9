"""The body of a stage that embeds: open the model when there is need of it, try again where it cannot be had."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from catalog.config.settings import ModelSettings
from catalog.errors import Fault

if TYPE_CHECKING:
    from daemon.embed.batcher import Embedder
    from daemon.embed.model_loader import Network

RETRY_SECONDS = 300.0


def keep_embedding(
    network: "Network",
    embedder: "Embedder",
    settings: ModelSettings,
    stop: threading.Event,
    told: Callable[[Fault | None], None],
    *,
    eager: bool,
) -> None:
    """Until `stop`. With `eager` the model is opened at once, else for the first image. `told` hears of each refusal,
    and None once there is none; what it raises ends the stage.
    """
    while not stop.is_set():
        if not eager and not embedder.wait():
            network.rest()
            continue
        try:
            session = network.open()
        except Fault as fault:
            told(fault)
            stop.wait(RETRY_SECONDS)
            continue
        told(None)
        embedder.batch = session.batch
        recipe = network.bundle.recipe
        embedder.run(session, (recipe.height, recipe.width), 60 * settings.idle_minutes or float("inf"))
        del session  # the last name of it but the network's own

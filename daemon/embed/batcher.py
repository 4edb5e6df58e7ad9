"""Turn decoded images into vectors, in batches: full ones under load, small ones at once when idle.

The body of a stage that embeds: open the model when there is need of it, try again where it cannot be had.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import structlog

from catalog.config.settings import ModelSettings
from catalog.crash_points import crash_point
from catalog.errors import CatalogError
from catalog.store.vectors import pack_vectors
from catalog.verdict.case import ContentComparison
from daemon.intake.previous_content import Array, ImageEncoder, add_cosine
from daemon.messages import Decoded, Embedded, Rejected
from models.decode.reason import RejectReason

if TYPE_CHECKING:
    from daemon.embed.model_loader import LoadedModel as LoadedModel

LINGER_SECONDS = 0.03  # seconds to wait for one more image before a batch that is not full is run
MAX_WAITING_IMAGES = 128  # images that may wait for a model that is being opened: as many as are read meanwhile
IDLE_SECONDS = 5.0  # seconds between looks around when there is nothing to do
log = structlog.get_logger()


def embed_batch(network: ImageEncoder, images: list[Decoded], shape: tuple[int, int]) -> Iterator[Embedded | Rejected]:
    """Embed a batch; should it fail, halve it until the culprit stands alone. The others lose nothing."""
    height, width = shape
    pixels = np.stack([np.frombuffer(image.pixels, np.uint8).reshape(height, width, 3) for image in images])
    try:
        vectors = network.run(pixels)
        fault = "" if np.isfinite(vectors).all() else "the vector has values that are not numbers"
    except Exception as error:  # whatever a runtime throws at one batch must not end the service
        fault = str(error) or type(error).__name__
    if not fault:
        comparison = [_add_cosine(network, *one) for one in zip(images, pixels, vectors, strict=True)]
        yield from map(Embedded, images, pack_vectors(vectors), comparison)
    elif len(images) == 1:
        yield Rejected(images[0].task, "embed", RejectReason.MODEL, fault, images[0].sha256, transient=True)
    else:
        log.warning("batch_failed", size=len(images), error=fault)
        half = len(images) // 2
        yield from embed_batch(network, images[:half], shape)
        yield from embed_batch(network, images[half:], shape)


def _add_cosine(network: ImageEncoder, image: Decoded, pixels: Array, vector: Array) -> ContentComparison:
    if image.previous_vector is None:
        return image.comparison
    try:
        return add_cosine(image.comparison, network, pixels, vector, image.previous_vector)
    except Exception as error:  # likewise; a vector of another length, too
        log.warning("not_compared", path=image.task.path, error=str(error))
        return image.comparison


class EmbeddingBatcher:
    """Runs in one thread, behind a queue of two batches, one in work and one ready: once the model is open, and says
    how many images a batch are.
    """

    def __init__(self, batch: int, deliver: Callable[[Embedded | Rejected], None], stop: threading.Event) -> None:
        self._batch = batch
        self._deliver = deliver
        self._stop = stop
        self._queue: queue.Queue[Decoded | None] = queue.Queue(max(MAX_WAITING_IMAGES, 2 * batch))
        self._begun = threading.Event()
        self.images = 0
        self.batches = 0
        self.seconds = 0.0

    @property
    def batch(self) -> int:
        """Images that are run at once. The queue goes by it: were it smaller, readers would stand still meanwhile."""
        return self._batch

    @batch.setter
    def batch(self, images: int) -> None:
        """Whoever waits for room is let in at once."""
        self._batch = images
        with self._queue.mutex:  # nothing in it is lost, whichever size it had
            self._queue.maxsize = 2 * images
            self._queue.not_full.notify_all()

    def put(self, decoded: Decoded) -> None:
        """Blocks while two batches wait. At a stop the image is dropped: its file stays pending."""
        self._rouse()
        while not self._stop.is_set():
            try:
                self._queue.put(decoded, timeout=0.5)
                self._rouse()  # again: the thread may have gone to rest between the two
                return
            except queue.Full:
                continue

    def _rouse(self) -> None:
        if not self._begun.is_set():  # to set it takes a lock, at each image
            self._begun.set()

    def wait(self) -> bool:
        """Wait a while for the first image; whether there is one."""
        return self._begun.wait(IDLE_SECONDS) and not self._stop.is_set()

    def run(self, network: ImageEncoder, shape: tuple[int, int], patience: float = float("inf")) -> None:
        """Thread body. Returns at a stop, or when no image has come for `patience` seconds."""
        last = time.monotonic()
        while not self._stop.is_set():
            batch = self._collect()
            if batch:
                self._step(network, batch, shape)
                last = time.monotonic()
            elif time.monotonic() - last >= patience:
                self._begun.clear()
                if self._queue.empty():
                    return
                self._begun.set()  # one came between the look and the clearing

    def wake(self) -> None:
        """End the wait for images, so that a stop is noticed at once."""
        self._begun.set()
        self.hurry()

    def hurry(self) -> None:
        """No more images will come for now: those that have come need not wait for others. Opens no model."""
        if self._begun.is_set():
            with suppress(queue.Full):
                self._queue.put_nowait(None)

    def _collect(self) -> list[Decoded]:
        batch: list[Decoded] = []
        while len(batch) < self.batch:
            try:
                image = self._queue.get(timeout=LINGER_SECONDS if batch else IDLE_SECONDS)
            except queue.Empty:
                break
            if image is None:
                break
            batch.append(image)
        return batch

    def _step(self, network: ImageEncoder, batch: list[Decoded], shape: tuple[int, int]) -> None:
        started = time.monotonic()
        results = list(embed_batch(network, batch, shape))
        crash_point("embed.batch")
        self.seconds += time.monotonic() - started
        self.images += len(batch)
        self.batches += 1
        for result in results:
            self._deliver(result)


RETRY_SECONDS = 300.0


def run_embedding(
    network: "LoadedModel",
    embedder: "EmbeddingBatcher",
    settings: ModelSettings,
    stop: threading.Event,
    told: Callable[[CatalogError | None], None],
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
        except CatalogError as fault:
            told(fault)
            stop.wait(RETRY_SECONDS)
            continue
        told(None)
        embedder.batch = session.batch
        recipe = network.bundle.recipe
        embedder.run(session, (recipe.height, recipe.width), 60 * settings.idle_minutes or float("inf"))
        del session  # the last name of it but the network's own

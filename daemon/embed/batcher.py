"""Embedding of decoded images in batches: full ones under load, small ones at once when idle."""

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
from daemon.messages import Decoded, Embedded, FileResult, Rejected, WorkerOutcome
from models.decode.reason import RejectReason

if TYPE_CHECKING:
    from daemon.embed.model_loader import LoadedModel

LINGER_SECONDS = 0.03  # wait for one more image before a batch that is not full runs
MAX_WAITING_IMAGES = 128  # while the model is being opened: as many images as workers decode in that time
IDLE_SECONDS = 5.0  # between checks when there is nothing to embed
RETRY_SECONDS = 300.0  # after a model that could not be opened
log = structlog.get_logger()


def embed_batch(encoder: ImageEncoder, images: list[Decoded], shape: tuple[int, int]) -> Iterator[Embedded | Rejected]:
    """Embed images of `shape` [height, width]. If that fails, halve the batch until the image at fault is alone."""
    height, width = shape
    pixels = np.stack([np.frombuffer(image.pixels, np.uint8).reshape(height, width, 3) for image in images])
    try:
        vectors = encoder.run(pixels)
        problem = "" if np.isfinite(vectors).all() else "the vector contains values that are not finite"
    except Exception as error:  # whatever the runtime raises for one batch must not end the service
        problem = str(error) or type(error).__name__
    if not problem:
        comparisons = [_add_cosine(encoder, *each) for each in zip(images, pixels, vectors, strict=True)]
        yield from map(Embedded, images, pack_vectors(vectors), comparisons)
    elif len(images) == 1:
        yield Rejected(images[0].task, "embed", RejectReason.MODEL, problem, images[0].sha256, transient=True)
    else:
        log.warning("batch_failed", size=len(images), error=problem)
        half = len(images) // 2
        yield from embed_batch(encoder, images[:half], shape)
        yield from embed_batch(encoder, images[half:], shape)


def _add_cosine(encoder: ImageEncoder, image: Decoded, pixels: Array, vector: Array) -> ContentComparison:
    if image.previous_vector is None:
        return image.comparison
    try:
        return add_cosine(image.comparison, encoder, pixels, vector, image.previous_vector)
    except Exception as error:  # as above; also a previous vector of another length
        log.warning("not_compared", path=image.task.path, error=str(error))
        return image.comparison


class EmbeddingBatcher:
    """A queue of decoded images, embedded in one thread.

    The queue holds two batches, one running and one ready, once the model is open and its batch size is known.
    """

    def __init__(self, batch_size: int, deliver: Callable[[FileResult], None], stop: threading.Event) -> None:
        self._batch_size = batch_size
        self._deliver = deliver
        self._stop = stop
        self._queue: queue.Queue[Decoded | None] = queue.Queue(max(MAX_WAITING_IMAGES, 2 * batch_size))
        self._has_images = threading.Event()
        self.batches = 0

    @property
    def batch_size(self) -> int:
        """Images per batch. The queue grows with it: with a smaller queue workers would wait while a batch runs."""
        return self._batch_size

    @batch_size.setter
    def batch_size(self, images: int) -> None:
        """Resize the queue, and admit at once whoever waits for room."""
        self._batch_size = images
        with self._queue.mutex:  # a smaller queue keeps the images that it already holds
            self._queue.maxsize = 2 * images
            self._queue.not_full.notify_all()

    def route(self, outcome: WorkerOutcome) -> None:
        """Queue a decoded image; deliver any other outcome at once."""
        if isinstance(outcome, Decoded):
            self.put(outcome)
        else:
            self._deliver(outcome)

    def put(self, decoded: Decoded) -> None:
        """Queue an image; block while the queue is full. After a stop the image is dropped: its file stays pending."""
        self._signal_images()
        while not self._stop.is_set():
            try:
                self._queue.put(decoded, timeout=0.5)
                self._signal_images()  # again: `run` may have returned for lack of images in between
                return
            except queue.Full:
                continue

    def _signal_images(self) -> None:
        if not self._has_images.is_set():  # setting it takes a lock, for each image
            self._has_images.set()

    def wait_for_image(self) -> bool:
        """Wait a few seconds for an image; return whether there is one."""
        return self._has_images.wait(IDLE_SECONDS) and not self._stop.is_set()

    def run(self, encoder: ImageEncoder, shape: tuple[int, int], idle_timeout: float = float("inf")) -> None:
        """Embed until a stop, or until no image has come for `idle_timeout` seconds."""
        last_batch = time.monotonic()
        while not self._stop.is_set():
            batch = self._collect()
            if batch:
                self._run_batch(encoder, batch, shape)
                last_batch = time.monotonic()
            elif time.monotonic() - last_batch >= idle_timeout:
                self._has_images.clear()
                if self._queue.empty():
                    return
                self._has_images.set()  # an image came between `_collect` and `clear`

    def wake(self) -> None:
        """End the wait for images, so that a stop is noticed at once."""
        self._has_images.set()
        self.flush()

    def flush(self) -> None:
        """Embed the queued images without waiting for a full batch. Opens no model."""
        if self._has_images.is_set():
            with suppress(queue.Full):
                self._queue.put_nowait(None)

    def _collect(self) -> list[Decoded]:
        batch: list[Decoded] = []
        while len(batch) < self.batch_size:
            try:
                image = self._queue.get(timeout=LINGER_SECONDS if batch else IDLE_SECONDS)
            except queue.Empty:
                break
            if image is None:
                break
            batch.append(image)
        return batch

    def _run_batch(self, encoder: ImageEncoder, batch: list[Decoded], shape: tuple[int, int]) -> None:
        results = list(embed_batch(encoder, batch, shape))
        crash_point("embed.batch")
        self.batches += 1
        for result in results:
            self._deliver(result)


def run_embedding(
    model: "LoadedModel",
    batcher: EmbeddingBatcher,
    settings: ModelSettings,
    stop: threading.Event,
    on_open: Callable[[CatalogError | None], None],
    *,
    eager: bool,
) -> None:
    """Thread body of an embedding stage: open the model, embed, and unload it when idle, until `stop`.

    `eager`: open the model at once, not for the first image. `on_open` receives the error of each failed attempt, and
    None after success; what it raises ends the stage.
    """
    while not stop.is_set():
        if not eager and not batcher.wait_for_image():
            model.unload_if_idle()
            continue
        try:
            session = model.open()
        except CatalogError as error:
            on_open(error)
            stop.wait(RETRY_SECONDS)
            continue
        on_open(None)
        batcher.batch_size = session.batch
        recipe = model.bundle.recipe
        batcher.run(session, (recipe.height, recipe.width), 60 * settings.idle_minutes or float("inf"))
        del session  # the last reference but the model's own

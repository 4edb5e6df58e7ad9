"""Images a second: of the reading processes, of the network, and of both through the service's own embedding stage."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import cycle, islice
from multiprocessing import get_context

import numpy as np

from catalog.embedding.throughput import load_pixels
from catalog.files.results import ImageFacts
from catalog.filesystem.stat_signature import Signature
from daemon.embed.batcher import EmbeddingBatcher
from daemon.messages import Decoded, Embedded, ReadTask, Rejected
from models.bundle.folder import Bundle
from models.runtime.session_pool import ModelSession

NO_FACTS, NO_SIGNATURE = ImageFacts("jpeg", 1, 1), Signature(0, 0, 0, 0)


class Loader:
    """The reading processes of one recipe."""

    def __init__(self, bundle: Bundle, paths: list[bytes], workers: int) -> None:
        self._read = partial(load_pixels, recipe=bundle.recipe)
        self._pool = ProcessPoolExecutor(workers, mp_context=get_context("forkserver"))
        self._paths = paths

    def read(self, count: int) -> Iterator[np.ndarray]:
        """So many pictures, those that can be read, over and over."""
        made = self._pool.map(self._read, islice(cycle(self._paths), count), chunksize=4)
        return (one for one in made if one is not None)

    def rate(self, count: int) -> float:
        """Alone."""
        began = time.perf_counter()
        return sum(1 for _ in self.read(count)) / (time.perf_counter() - began)

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()


def model_rate(session: ModelSession, batch: np.ndarray, seconds: float) -> float:
    """The network alone, in its own batches."""
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds or not done:
        session.run(batch)
        done += len(batch)
    return done / took


def pipeline_rate(session: ModelSession, bundle: Bundle, loader: Loader, count: int) -> float:
    """Reading processes, the service's queue and its embedding thread, from the end of the first batch on: while that
    is being filled nothing can be embedded. Raises RuntimeError for a picture that fails, or too few of them.
    """
    stop, results, moments = threading.Event(), list[Embedded | Rejected](), list[float]()

    def deliver(result: Embedded | Rejected) -> None:
        moments.append(time.perf_counter())
        results.append(result)

    first = session.batch
    embedder = EmbeddingBatcher(first, deliver, stop)
    shape = (bundle.recipe.height, bundle.recipe.width)
    thread = threading.Thread(target=embedder.run, args=(session, shape))
    thread.start()
    try:
        given = 0
        for one in loader.read(count):
            embedder.put(Decoded(ReadTask(given, b"", NO_SIGNATURE, 0), bytes(32), NO_FACTS, one.tobytes()))
            given += 1
        while len(results) < given:
            time.sleep(0.001)
    finally:
        stop.set()
        embedder.wake()
        thread.join()
    lost = [result for result in results if isinstance(result, Rejected)]
    if lost:
        raise RuntimeError(f"{len(lost)} pictures were not embedded: {lost[0].detail}")
    if given <= first:
        raise RuntimeError(f"{given} pictures can be read; more than {first} are needed")
    return (given - first) / (moments[-1] - moments[first - 1])

"""Images per second of the reader processes, and of the service's embedding stage fed by them."""

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
    """Reader processes that decode files by the recipe of a bundle, again and again."""

    def __init__(self, bundle: Bundle, paths: list[bytes], workers: int) -> None:
        self._read = partial(load_pixels, recipe=bundle.recipe)
        self._pool = ProcessPoolExecutor(workers, mp_context=get_context("forkserver"))
        self._paths = paths

    def read(self, count: int) -> Iterator[np.ndarray]:
        """Read `count` files; yield the pixels of those that can be decoded."""
        decoded = self._pool.map(self._read, islice(cycle(self._paths), count), chunksize=4)
        return (pixels for pixels in decoded if pixels is not None)

    def rate(self, count: int) -> float:
        """Return images/s of reading `count` files."""
        started = time.perf_counter()
        return sum(1 for _ in self.read(count)) / (time.perf_counter() - started)

    def close(self) -> None:
        """Stop the processes."""
        self._pool.shutdown()


def pipeline_rate(session: ModelSession, bundle: Bundle, loader: Loader, count: int) -> float:
    """Return images/s through reader processes, the service's queue and its embedding thread.

    Measured from the end of the first batch on: nothing can be embedded while that fills. Raises RuntimeError where an
    image is not embedded, or too few can be read.
    """
    stop, results, times = threading.Event(), list[Embedded | Rejected](), list[float]()

    def deliver(result: Embedded | Rejected) -> None:
        times.append(time.perf_counter())
        results.append(result)

    first = session.batch
    embedder = EmbeddingBatcher(first, deliver, stop)
    shape = (bundle.recipe.height, bundle.recipe.width)
    thread = threading.Thread(target=embedder.run, args=(session, shape))
    thread.start()
    try:
        submitted = 0
        for pixels in loader.read(count):
            embedder.put(Decoded(ReadTask(submitted, b"", NO_SIGNATURE, 0), bytes(32), NO_FACTS, pixels.tobytes()))
            submitted += 1
        while len(results) < submitted:
            time.sleep(0.001)
    finally:
        stop.set()
        embedder.wake()
        thread.join()
    rejected = [result for result in results if isinstance(result, Rejected)]
    if rejected:
        raise RuntimeError(f"{len(rejected)} images were not embedded: {rejected[0].detail}")
    if submitted <= first:
        raise RuntimeError(f"only {submitted} images can be read; more than {first} are needed")
    return (submitted - first) / (times[-1] - times[first - 1])

"""Measure how fast this machine decodes images, embeds them, and does both at once, to find the bottleneck."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from typing import TYPE_CHECKING

from catalog.context import CatalogContext
from catalog.files.queries import FileFilter, matching_entries
from catalog.python_process import forkserver_context

if TYPE_CHECKING:
    import numpy as np

    from models.bundle.folder import Bundle
    from models.recipe import Recipe
    from models.runtime.session_pool import ModelSession

SAMPLE_IMAGES = 96
TIMED_RUNS = 5
MIN_GPU_BATCHES = 12
NO_CONTENTION_SHARE = 0.9  # of the slower part's rate: the combined rate if neither part slows the other down


@dataclass(frozen=True, slots=True)
class Throughput:
    """Measured rates, in images per second; 0 if the catalog has no image to decode.

    `image_seconds`: time of one image through the model. `model_rate`: the model alone, in batches of `batch`.
    `decode_rate`: the worker processes alone. `combined_rate`: both at once. `gpus`: the number of GPUs in use.
    """

    image_seconds: float
    batch: int
    model_rate: float
    workers: int
    decode_rate: float
    combined_rate: float
    gpus: int = 0

    @property
    def verdict(self) -> str:
        """The bottleneck, and what to change. Pure."""
        if not self.decode_rate:
            return "no image in the catalog to time decoding with"
        slower = min(self.decode_rate, self.model_rate)
        if self.combined_rate < NO_CONTENTION_SHARE * slower:
            share = f"together they reach {self.combined_rate / slower:.0%} of the slower rate"
            if self.gpus:
                return f"{share}: they compete for cores; fewer `[intake] workers` leave one to feed the GPU"
            return f"{share}: they compete for cores; use a GPU or fewer `[model] threads`"
        if self.decode_rate < self.model_rate:
            return "the model waits for decoding: raise `[intake] workers` if cores are idle"
        faster = "another GPU, an fp16 bundle" if self.gpus else "a GPU, an int8 bundle"
        return f"decoding waits for the model: {faster} or a smaller model would help"


def measure_throughput(context: CatalogContext, bundle: "Bundle", session: "ModelSession") -> Throughput:
    """Time the model alone, decoding alone, then both together."""
    import numpy as np

    recipe = bundle.recipe
    blank = np.zeros((session.batch, recipe.height, recipe.width, 3), np.uint8)
    image_seconds = _best_seconds(lambda: session.run(blank[:1]))
    model_rate = session.batch / _best_seconds(lambda: session.run(blank))
    workers = context.config.intake.workers or len(os.sched_getaffinity(0))
    paths, gpus = _sample_paths(context), len(session.devices)
    if not paths:
        return Throughput(image_seconds, session.batch, model_rate, workers, 0.0, 0.0, gpus)
    if gpus:  # with few images, a GPU would finish while the first batch still dominates the time
        paths = list(islice(cycle(paths), max(len(paths), MIN_GPU_BATCHES * session.batch)))
    with ProcessPoolExecutor(workers, mp_context=forkserver_context()) as pool:
        load = partial(load_pixels, recipe=recipe)
        sum(1 for _ in pool.map(load, paths[: 2 * workers]))  # warm up: the processes start and import
        started = time.perf_counter()
        count = sum(pixels is not None for pixels in pool.map(load, paths, chunksize=2))
        decode_rate = count / (time.perf_counter() - started)
        started = time.perf_counter()
        batches = _embed_batches(pool.map(load, paths, chunksize=2), session.batch, session.run)
        count = sum(len(vectors) for vectors in batches)
        combined_rate = count / (time.perf_counter() - started)
    return Throughput(image_seconds, session.batch, model_rate, workers, decode_rate, combined_rate, gpus)


def load_pixels(path: bytes, recipe: "Recipe") -> "np.ndarray | None":
    """Return an image as the model's input, or None if it cannot be read now."""
    from models.decode.reason import DecodeError
    from models.picture import read_picture

    try:
        with open(path, "rb") as file:
            return read_picture(file.read(), recipe).pixels
    except (OSError, DecodeError):
        return None


def _sample_paths(context: CatalogContext) -> list[bytes]:
    """Return the paths of the catalog's first intact images."""
    entries = matching_entries(context.database, FileFilter(states=("ok",)))
    return [entry.path for entry in islice(entries, SAMPLE_IMAGES)]


def _embed_batches(
    images: "Iterator[np.ndarray | None]", size: int, run: "Callable[[np.ndarray], np.ndarray]"
) -> "Iterator[np.ndarray]":
    import numpy as np

    waiting: list[np.ndarray] = []
    for pixels in images:
        if pixels is not None:
            waiting.append(pixels)
        if len(waiting) == size:
            yield run(np.stack(waiting))
            waiting = []
    if waiting:
        yield run(np.stack(waiting))


def _best_seconds(action: Callable[[], object]) -> float:
    """Return the shortest time of several runs after a warm-up: the machine's speed without disturbances."""
    action()
    best = float("inf")
    for _ in range(TIMED_RUNS):
        started = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - started)
    return best


def throughput_lines(measured: Throughput) -> Sequence[tuple[str, str]]:
    """Return the topics and texts that `doctor` prints."""
    decoding = (
        f"{measured.decode_rate:.0f} images/s alone, in {measured.workers} processes"
        if measured.decode_rate
        else "not timed"
    )
    combined = f"{measured.combined_rate:.0f} images/s together; " if measured.combined_rate else ""
    return (
        ("one image", f"{1000 * measured.image_seconds:.1f} ms through the model"),
        ("model", f"{measured.model_rate:.0f} images/s alone, in batches of {measured.batch}"),
        ("loader", decoding),
        ("both", combined + measured.verdict),
    )

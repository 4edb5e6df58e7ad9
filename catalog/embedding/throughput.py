"""How fast this machine reads pictures, how fast it embeds them, and how fast it does both: which one starves."""

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

SAMPLE_IMAGES = 96  # pictures to read
TIMED_RUNS = 5
MIN_GPU_BATCHES = 12
NO_CONTENTION_SHARE = 0.9  # of the slower part alone: what both together reach where neither is in the other's way


@dataclass(frozen=True, slots=True)
class Throughput:
    """`one`: seconds for one picture through the model. Rates are pictures a second: the reading processes alone, the
    model alone in batches of `batch`, and both at once; 0 where there was no picture to read. `gpus`: how many run it.
    """

    one: float
    batch: int
    model: float
    workers: int
    loader: float
    both: float
    gpus: int = 0

    @property
    def verdict(self) -> str:
        """Which part the other waits for, and what to change. Pure."""
        if not self.loader:
            return "no picture in the catalog to time the reading with"
        slower = min(self.loader, self.model)
        if self.both < NO_CONTENTION_SHARE * slower:
            told = f"together they reach {self.both / slower:.0%} of the slower one: they take each other's cores"
            if self.gpus:
                return f"{told}, and a GPU is fed by a core, too; fewer `[intake] workers` leave it one"
            return f"{told}; a GPU, or fewer `[model] threads`, would part them"
        if self.loader < self.model:
            return "the model waits for the reading: raise `[intake] workers` where cores are idle"
        cure = "another GPU, an fp16 bundle" if self.gpus else "a GPU, an int8 bundle"
        return f"the reading waits for the model: {cure} or a smaller model would help"


def measure_throughput(asking: CatalogContext, bundle: "Bundle", session: "ModelSession") -> Throughput:
    """Time the parts one after the other, then together."""
    import numpy as np

    recipe = bundle.recipe
    blank = np.zeros((session.batch, recipe.height, recipe.width, 3), np.uint8)
    one = _best_seconds(lambda: session.run(blank[:1]))
    model = session.batch / _best_seconds(lambda: session.run(blank))
    workers = asking.config.intake.workers or len(os.sched_getaffinity(0))
    paths, gpus = _sample_paths(asking), len(session.devices)
    if not paths:
        return Throughput(one, session.batch, model, workers, 0.0, 0.0, gpus)
    if gpus:  # a GPU is through with few pictures before its first batch is a small part of the time
        paths = list(islice(cycle(paths), max(len(paths), MIN_GPU_BATCHES * session.batch)))
    with ProcessPoolExecutor(workers, mp_context=forkserver_context()) as pool:
        read = partial(load_pixels, recipe=recipe)
        sum(1 for _ in pool.map(read, paths[: 2 * workers]))  # the processes start, and import
        started = time.perf_counter()
        count = sum(made is not None for made in pool.map(read, paths, chunksize=2))
        loader = count / (time.perf_counter() - started)
        started = time.perf_counter()
        count = sum(
            len(batch) for batch in _embed_batches(pool.map(read, paths, chunksize=2), session.batch, session.run)
        )
        both = count / (time.perf_counter() - started)
    return Throughput(one, session.batch, model, workers, loader, both, gpus)


def load_pixels(path: bytes, recipe: "Recipe") -> "np.ndarray | None":
    """A picture as the model wants it; None for one that cannot be read now."""
    from models.decode.reason import DecodeError
    from models.picture import read_picture

    try:
        with open(path, "rb") as file:
            return read_picture(file.read(), recipe).pixels
    except (OSError, DecodeError):
        return None


def _sample_paths(asking: CatalogContext) -> list[bytes]:
    """Paths of healthy pictures, the first ones of the catalog."""
    found: list[bytes] = []
    for entry in matching_entries(asking.database, FileFilter(states=("ok",))):
        found.append(entry.path)
        if len(found) == SAMPLE_IMAGES:
            break
    return found


def _embed_batches(
    made: "Iterator[np.ndarray | None]", size: int, run: "Callable[[np.ndarray], np.ndarray]"
) -> "Iterator[np.ndarray]":
    import numpy as np

    waiting: list[np.ndarray] = []
    for one in made:
        if one is not None:
            waiting.append(one)
        if len(waiting) == size:
            yield run(np.stack(waiting))
            waiting = []
    if waiting:
        yield run(np.stack(waiting))


def _best_seconds(act: Callable[[], object]) -> float:
    """The best of several runs after one to warm up: what the machine can do, not what disturbed it."""
    act()
    best = float("inf")
    for _ in range(TIMED_RUNS):
        started = time.perf_counter()
        act()
        best = min(best, time.perf_counter() - started)
    return best


def throughput_lines(pace: Throughput) -> Sequence[tuple[str, str]]:
    """What `doctor` prints: topic and words."""
    reading = f"{pace.loader:.0f} images/s alone, in {pace.workers} processes" if pace.loader else "not timed"
    together = f"{pace.both:.0f} images/s together; " if pace.both else ""
    return (
        ("one image", f"{1000 * pace.one:.1f} ms through the model"),
        ("model", f"{pace.model:.0f} images/s alone, in batches of {pace.batch}"),
        ("loader", reading),
        ("both", together + pace.verdict),
    )

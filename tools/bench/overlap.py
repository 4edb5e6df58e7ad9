"""Measure how well reading and a GPU overlap, both simulated by delays that use no core.

    python -m tools.bench.overlap [--rounds 3] [--json]

The reader submits images at its rate and blocks while the queue is full; the device sleeps for the time that a batch
takes at its rate. Between them is the service's embedding stage. Printed is its throughput as a share of the slower
rate. "short": the same with the queue of a CPU, 16 images; a device with batches larger than the queue leaves the
reader idle while it works.
"""

import argparse
import json
import statistics
import threading
import time

import numpy as np

from catalog.files.results import ImageFacts
from catalog.filesystem.stat_signature import Signature
from daemon.embed.batcher import EmbeddingBatcher
from daemon.messages import Decoded, Embedded, ReadTask, Rejected

BATCH, COUNT, SIDE, DIMS, SHORT_BATCH = 64, 64 * 40, 224, 512, 8
RATES = ((1000, 1000), (1000, 1500), (1000, 3000), (500, 500))  # images/s of reader and device
READ_AHEAD = 2  # images that a reader holds while the queue is full


class SimulatedDevice:
    """A model that takes the time of a rate, in images/s."""

    def __init__(self, rate: float) -> None:
        self._rate = rate

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """Return equal unit vectors after the time that the images take at the rate."""
        time.sleep(len(pixels) / self._rate)
        return np.full((len(pixels), DIMS), DIMS**-0.5, np.float32)


class ShortQueueEmbedder(EmbeddingBatcher):
    """An embedder whose queue keeps the size for a CPU."""

    @property
    def batch_size(self) -> int:
        """The batch size of the device."""
        return BATCH

    @batch_size.setter
    def batch_size(self, images: int) -> None:
        """Ignore the new size, and with it the longer queue."""


def measure_flow(kind: type[EmbeddingBatcher], reader: float, device: float) -> float:
    """Return images/s of the embedding stage, from the end of the first batch on."""
    stop, times = threading.Event(), list[float]()

    def deliver(result: Embedded | Rejected) -> None:
        times.append(time.perf_counter())

    embedder = kind(SHORT_BATCH, deliver, stop)
    embedder.batch_size = BATCH
    thread = threading.Thread(target=embedder.run, args=(SimulatedDevice(device), (SIDE, SIDE)))
    thread.start()
    blank, due = bytes(SIDE * SIDE * 3), time.perf_counter()
    for number in range(COUNT):
        due = max(due + 1 / reader, time.perf_counter() - READ_AHEAD / reader)
        time.sleep(max(0.0, due - time.perf_counter()))
        task = ReadTask(number, b"", Signature(0, 0, 0, 0), 0)
        embedder.put(Decoded(task, bytes(32), ImageFacts("jpeg", SIDE, SIDE), blank))
    while len(times) < COUNT:
        time.sleep(0.001)
    stop.set()
    embedder.wake()
    thread.join()
    return (COUNT - BATCH) / (times[-1] - times[BATCH - 1])


def main() -> None:
    """Print a line, or a JSON line, for each pair of rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for reader, device in RATES:
        shares = {
            name: statistics.median(measure_flow(kind, reader, device) for _ in range(options.rounds))
            / min(reader, device)
            for name, kind in (("overlap", EmbeddingBatcher), ("short", ShortQueueEmbedder))
        }
        if options.json:
            print(json.dumps({"reader": reader, "device": device, **shares}), flush=True)
        else:
            line = f"reader {reader}/s, device {device}/s: {shares['overlap']:.2f} of the slower one"
            print(f"{line} (queue of {2 * SHORT_BATCH}: {shares['short']:.2f})", flush=True)


if __name__ == "__main__":
    main()

"""How well reading and a GPU overlap, without either: both are stand-ins that take their time and no core.

    python -m tools.bench.overlap [--rounds 3] [--json]

A reader hands over pictures at its rate, but stands still while the queue is full; a device takes the time of its rate
for a batch. Between them is the service's own embedding stage. What is printed is the pictures a second that come out,
over the slower of both rates: what the hand-over itself leaves of it. "short": the same with the queue of a CPU's
batches, 16 pictures; a device whose batches are larger than the queue leaves the reader idle while it works.
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
RATES = ((1000, 1000), (1000, 1500), (1000, 3000), (500, 500))  # pictures/s of reader and device
READ_AHEAD = 2  # pictures that a reader has in hand while the queue is full


class SimulatedDevice:
    """Takes its time."""

    def __init__(self, rate: float) -> None:
        self._rate = rate

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """Unit vectors, after as long as so many pictures take."""
        time.sleep(len(pixels) / self._rate)
        return np.full((len(pixels), DIMS), DIMS**-0.5, np.float32)


class ShortQueueEmbedder(EmbeddingBatcher):
    """The queue keeps the size it had for a CPU."""

    @property
    def batch_size(self) -> int:
        """As large as the device's."""
        return BATCH

    @batch_size.setter
    def batch_size(self, images: int) -> None:
        """Changes nothing."""


def measure_flow(kind: type[EmbeddingBatcher], reader: float, device: float) -> float:
    """Pictures/s that come out, from the end of the first batch on."""
    stop, moments = threading.Event(), list[float]()

    def deliver(result: Embedded | Rejected) -> None:
        moments.append(time.perf_counter())

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
    while len(moments) < COUNT:
        time.sleep(0.001)
    stop.set()
    embedder.wake()
    thread.join()
    return (COUNT - BATCH) / (moments[-1] - moments[BATCH - 1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    for reader, device in RATES:
        found = {
            name: statistics.median(measure_flow(kind, reader, device) for _ in range(given.rounds))
            / min(reader, device)
            for name, kind in (("overlap", EmbeddingBatcher), ("short", ShortQueueEmbedder))
        }
        if given.json:
            print(json.dumps({"reader": reader, "device": device, **found}), flush=True)
        else:
            said = f"reader {reader}/s, device {device}/s: {found['overlap']:.2f} of the slower one"
            print(f"{said} (queue of {2 * SHORT_BATCH}: {found['short']:.2f})", flush=True)


if __name__ == "__main__":
    main()

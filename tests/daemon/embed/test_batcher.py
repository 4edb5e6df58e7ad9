"""Batches: full under load, halved around an image at fault, nothing lost."""

import threading
from pathlib import Path

import numpy as np
import pytest

from catalog.files.results import ImageFacts
from catalog.filesystem.stat_signature import Signature
from catalog.store.vectors import unpack_vectors
from daemon.embed.batcher import MAX_WAITING_IMAGES, EmbeddingBatcher, embed_batch
from daemon.messages import Decoded, Embedded, ReadTask, Rejected
from models.bundle.folder import load_bundle
from models.decode.reason import RejectReason
from models.runtime.session import Session
from models.runtime.session_pool import SessionPool
from tests.support.tiny_bundle import DIMS, SIDE, reference_vectors, write_tiny_bundle

SHAPE = (2, 2)


def decoded(number: int) -> Decoded:
    task = ReadTask(number, b"/x/%d" % number, Signature(1, 1, 1, 1), 0)
    return Decoded(task, bytes(32), ImageFacts("png", 2, 2), bytes([number]) * 12)


class FailingEncoder:
    """Fails for any batch with one of `faulty`; counts its calls."""

    def __init__(self, *faulty: int, silent: bool = False) -> None:
        self.faulty, self.silent = set(faulty), silent
        self.sizes: list[int] = []

    def run(self, pixels: np.ndarray) -> np.ndarray:
        self.sizes.append(len(pixels))
        bad = np.isin(pixels[:, 0, 0, 0], list(self.faulty))
        if bad.any() and not self.silent:
            raise RuntimeError("no kernel image")
        vectors = np.ones((len(pixels), 4), np.float32) / 2
        vectors[bad] = np.nan
        return vectors


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("faulty", [(), (0,), (5,), (0, 7), (2, 3, 4)])
def test_only_the_images_at_fault_are_rejected(faulty: tuple[int, ...], silent: bool) -> None:
    results = list(embed_batch(FailingEncoder(*faulty, silent=silent), [decoded(n) for n in range(8)], SHAPE))
    rejected = {result.task.file for result in results if isinstance(result, Rejected)}
    embedded = {result.decoded.task.file for result in results if isinstance(result, Embedded)}
    assert rejected == set(faulty)
    assert embedded == set(range(8)) - set(faulty)
    assert all(result.reason is RejectReason.MODEL for result in results if isinstance(result, Rejected))


def test_a_healthy_batch_costs_one_call() -> None:
    encoder = FailingEncoder()
    assert len(list(embed_batch(encoder, [decoded(n) for n in range(8)], SHAPE))) == 8
    assert encoder.sizes == [8]


def test_batches_are_full_under_load_and_small_ones_do_not_wait() -> None:
    stop, encoder, done = threading.Event(), FailingEncoder(), []
    batcher = EmbeddingBatcher(4, done.append, stop)
    for number in range(6):
        batcher.put(decoded(number))
    thread = threading.Thread(target=batcher.run, args=(encoder, SHAPE))
    thread.start()
    deadline = threading.Event()
    while len(done) < 6 and not deadline.wait(0.01):
        pass
    stop.set()
    thread.join(10)
    assert encoder.sizes == [4, 2]


def test_a_full_queue_does_not_delay_a_stop() -> None:
    stop = threading.Event()
    batcher = EmbeddingBatcher(1, lambda result: None, stop)
    batcher.batch_size = 1  # the model is open
    batcher.put(decoded(0))
    batcher.put(decoded(1))
    stop.set()
    batcher.put(decoded(2))  # would block for ever


def test_workers_go_on_reading_while_the_model_is_opened() -> None:
    stop, encoder, done = threading.Event(), FailingEncoder(), []
    batcher = EmbeddingBatcher(1, done.append, stop)
    reader = threading.Thread(target=lambda: [batcher.put(decoded(number)) for number in range(MAX_WAITING_IMAGES)])
    reader.start()
    reader.join(60)
    assert not reader.is_alive() and not done
    batcher.batch_size = 4  # it is open, and fewer may wait from now on; those that do are not lost
    thread = threading.Thread(target=batcher.run, args=(encoder, SHAPE))
    thread.start()
    tick = threading.Event()
    for _ in range(6000):
        if len(done) == MAX_WAITING_IMAGES:
            break
        tick.wait(0.01)
    stop.set()
    batcher.wake()
    thread.join(60)
    assert [result.decoded.task.file for result in done] == list(range(MAX_WAITING_IMAGES))


def test_the_queue_grows_with_the_batch_size_and_loses_nothing() -> None:
    """A GPU's batches are larger than those that were planned for before the model was open; readers must not stand
    still while one is in work.
    """
    stop, encoder, done = threading.Event(), FailingEncoder(), []
    batcher = EmbeddingBatcher(1, done.append, stop)
    batcher.batch_size = 1
    reader = threading.Thread(target=lambda: [batcher.put(decoded(number)) for number in range(16)])
    reader.start()
    reader.join(0.2)
    assert reader.is_alive()  # two batches of one wait, and nobody takes them
    batcher.batch_size = 8
    reader.join(60)
    assert not reader.is_alive()
    thread = threading.Thread(target=batcher.run, args=(encoder, SHAPE))
    thread.start()
    tick = threading.Event()
    for _ in range(6000):
        if len(done) == 16:
            break
        tick.wait(0.01)
    stop.set()
    batcher.wake()
    thread.join(60)
    assert encoder.sizes == [8, 8]
    assert [result.decoded.task.file for result in done] == list(range(16))


def test_several_devices_get_one_batch_in_order(tmp_path: Path) -> None:
    """Two CPU sessions stand in for two GPUs: they share a batch, and the results keep their order."""
    bundle = load_bundle(write_tiny_bundle(tmp_path / "bundle"))
    pool = SessionPool([Session(bundle, provider="cpu", threads=1, batch=4, bound=True) for _ in range(2)])
    stop, done = threading.Event(), []
    batcher = EmbeddingBatcher(pool.batch, done.append, stop)
    drawn = np.random.default_rng(5).integers(0, 256, (16, SIDE, SIDE, 3)).astype(np.uint8)
    for number, one in enumerate(drawn):
        batcher.put(decoded(number)._replace(pixels=one.tobytes()))
    thread = threading.Thread(target=batcher.run, args=(pool, (SIDE, SIDE)))
    thread.start()
    tick = threading.Event()
    for _ in range(6000):
        if len(done) == 16:
            break
        tick.wait(0.01)
    stop.set()
    batcher.wake()
    thread.join(60)
    assert (batcher.batches, [result.decoded.task.file for result in done]) == (2, list(range(16)))
    vectors = unpack_vectors([result.vector for result in done], DIMS)
    assert np.allclose(vectors, reference_vectors(drawn), atol=2e-3)

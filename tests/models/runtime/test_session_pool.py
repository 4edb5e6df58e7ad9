"""A pool behaves like one session. Two sessions on the CPU replace two GPUs."""

import threading

import numpy as np
import pytest

from models.bundle.folder import Bundle
from models.runtime.provider import CPU
from models.runtime.session import Session
from models.runtime.session_pool import SessionPool
from tests.support.tiny_bundle import SIDE, reference_vectors


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, SIDE, SIDE, 3)).astype(np.uint8)


class Told(Session):
    """A session that records how many images it got per call, and waits while `gate` is closed."""

    def __init__(self, bundle: Bundle, gate: threading.Event | None = None, fault: str = "", batch: int = 4) -> None:
        super().__init__(bundle, provider="cpu", threads=1, batch=batch, bound=True)
        self.gate, self.fault = gate, fault
        self.sizes: list[int] = []

    def run(self, pixels: np.ndarray) -> np.ndarray:
        self.sizes.append(len(pixels))
        if self.gate is not None:
            assert self.gate.wait(60)
        if self.fault:
            raise RuntimeError(self.fault)
        return super().run(pixels)


@pytest.mark.parametrize("count", [1, 4, 5, 8, 41])
def test_vectors_are_in_the_order_of_the_images(tiny: Bundle, count: int) -> None:
    pool = SessionPool([Told(tiny), Told(tiny, batch=3)])
    assert (pool.batch, pool.provider, pool.devices, pool.warning) == (7, CPU, (), "")
    assert np.allclose(pool.run(pixels(count)), reference_vectors(pixels(count)), atol=1e-5)


def test_a_free_device_takes_the_next_part(tiny: Bundle) -> None:
    """While one device is blocked in its first part, the other does all the rest."""
    entered, gate = threading.Event(), threading.Event()

    class Stuck(Told):
        def run(self, pixels: np.ndarray) -> np.ndarray:
            entered.set()
            return super().run(pixels)

    stuck, free = Stuck(tiny, gate), Told(tiny, entered)
    found: list[np.ndarray] = []
    caller = threading.Thread(target=lambda: found.append(SessionPool([stuck, free]).run(pixels(40))))
    caller.start()
    tick = threading.Event()
    for _ in range(6000):
        if len(free.sizes) == 9:
            break
        tick.wait(0.01)
    gate.set()
    caller.join(60)
    assert (stuck.sizes, free.sizes) == ([4], [4] * 9)
    assert np.allclose(found[0], reference_vectors(pixels(40)), atol=1e-5)


def test_devices_work_at_the_same_time(tiny: Bundle) -> None:
    """Each waits for the other: if they were used in turn, neither would continue."""
    both = threading.Barrier(2)

    class Meeting(Told):
        def run(self, pixels: np.ndarray) -> np.ndarray:
            both.wait(60)
            return super().run(pixels)

    pool = SessionPool([Meeting(tiny), Meeting(tiny)])
    assert len(pool.run(pixels(8))) == 8


def test_a_failing_device_fails_only_its_call(tiny: Bundle) -> None:
    bad = Told(tiny, fault="CUDA error 700")
    pool = SessionPool([bad, Told(tiny)])
    with pytest.raises(RuntimeError, match="CUDA error 700"):
        pool.run(pixels(40))
    bad.fault = ""
    assert len(pool.run(pixels(40))) == 40


def test_warnings_of_all_devices_are_joined(tiny: Bundle) -> None:
    first, second = Told(tiny), Told(tiny)
    first.warning, second.warning = "memory ran out", ""
    assert SessionPool([first, second]).warning == "memory ran out"

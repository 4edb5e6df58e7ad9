"""Tests of the provider summary and advice, for simulated machines."""

from dataclasses import dataclass

import numpy as np
import pytest

from catalog.embedding.sessions import provider_advice, provider_summary
from models.runtime.provider import CPU, CUDA


@dataclass
class Machine:
    """A session as far as the summary and advice use it."""

    provider: str = CUDA
    devices: tuple[int, ...] = (0,)
    batch: int = 64
    warning: str = ""

    def run(self, pixels: np.ndarray) -> np.ndarray:
        raise AssertionError("advice must not run the model")


CPU_ONLY = Machine(CPU, (), 8)


def test_the_summary_names_provider_devices_and_batch() -> None:
    assert provider_summary(CPU_ONLY) == "CPUExecutionProvider, batches of 8"
    assert provider_summary(Machine(devices=(0, 2), batch=128)) == "CUDAExecutionProvider on GPU 0, 2, batches of 128"


@pytest.mark.parametrize(
    ("machine", "provider", "precision", "present", "text"),
    [
        (CPU_ONLY, "auto", "fp32", [], ""),
        (CPU_ONLY, "cpu", "fp32", [], ""),
        (CPU_ONLY, "cpu", "fp32", [0], 'provider = "auto"'),
        (Machine(CPU, (), 8, "the model runs on the CPU"), "auto", "fp32", [0], "the model runs on the CPU"),
        (Machine(), "auto", "fp16", [0], ""),
        (Machine(), "auto", "fp16", [0, 1, 2], "1 of 3 GPUs in use: set `[model] devices = [0, 1, 2]`"),
        (Machine(), "auto", "fp32", [0], "fp16 bundle is faster"),
        (Machine(), "auto", "int8", [0], "made for CPUs"),
        (Machine(), "auto", "fp16", [], ""),  # WSL has no numbered devices
    ],
)
def test_advice(machine: Machine, provider: str, precision: str, present: list[int], text: str) -> None:
    advice = provider_advice(machine, provider, precision, present)
    assert text in advice and bool(text) == bool(advice)

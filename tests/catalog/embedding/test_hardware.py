"""What runs the model, and what is advised, for machines that are not this one."""

from dataclasses import dataclass

import numpy as np
import pytest

from catalog.embedding.sessions import provider_advice, provider_summary
from models.runtime.provider import CPU, CUDA


@dataclass
class Machine:
    """What is asked of a session."""

    provider: str = CUDA
    devices: tuple[int, ...] = (0,)
    batch: int = 64
    warning: str = ""

    def run(self, pixels: np.ndarray) -> np.ndarray:
        raise AssertionError("nothing is run to give advice")


CPU_ONLY = Machine(CPU, (), 8)


def test_provider_devices_and_batches_are_named() -> None:
    assert provider_summary(CPU_ONLY) == "CPUExecutionProvider, batches of 8"
    assert provider_summary(Machine(devices=(0, 2), batch=128)) == "CUDAExecutionProvider on GPU 0, 2, batches of 128"


@pytest.mark.parametrize(
    ("machine", "provider", "precision", "present", "words"),
    [
        (CPU_ONLY, "auto", "fp32", [], ""),
        (CPU_ONLY, "cpu", "fp32", [], ""),
        (CPU_ONLY, "cpu", "fp32", [0], 'provider = "auto"'),
        (Machine(CPU, (), 8, "the model runs on the CPU"), "auto", "fp32", [0], "the model runs on the CPU"),
        (Machine(), "auto", "fp16", [0], ""),
        (Machine(), "auto", "fp16", [0, 1, 2], "3 GPUs are there, 1 in use: set `[model] devices = [0, 1, 2]`"),
        (Machine(), "auto", "fp32", [0], "fp16 bundle is faster"),
        (Machine(), "auto", "int8", [0], "made for CPUs"),
        (Machine(), "auto", "fp16", [], ""),  # WSL shows no numbered devices
    ],
)
def test_advice(machine: Machine, provider: str, precision: str, present: list[int], words: str) -> None:
    found = provider_advice(machine, provider, precision, present)
    assert words in found and bool(words) == bool(found)

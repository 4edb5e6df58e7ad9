"""Execution providers: their names and options, and the GPUs that the kernel reports.

The options are documented on ONNX Runtime's pages about its CUDA and TensorRT execution providers. CUDA graphs are not
used: each calling thread captures its own, and an allocation or copy by another thread at that time breaks the capture
(CUDA error 900), and the second model, a second GPU and requests over the socket have their own threads. A graph saves
only the launches of kernels, a small part of the time for batches of 64.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

Provider = Literal["auto", "cpu", "cuda", "tensorrt"]
ProviderChain = list[str | tuple[str, dict[str, str]]]
CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
GPU_PROVIDERS = (CUDA, TENSORRT)
DEFAULT_BATCH = {CPU: 8, CUDA: 64, TENSORRT: 64}  # on a CPU, larger batches than 8 gain nothing (measured)
DEVICE_FOLDER = Path("/dev")
GPU_DEVICE_NAME = re.compile(r"nvidia(\d+)")
GPU_CONTROL_DEVICES = ("nvidiactl", "dxg")  # a driver without device nodes yet, and WSL
INSTALL_REMEDY: Mapping[str, str] = {
    CUDA: "install catalogd[cuda] and a current NVIDIA driver (`nvidia-smi` must answer)",
    TENSORRT: "install catalogd[cuda], a current NVIDIA driver, and TensorRT 10 for the same CUDA"
    " (the package tensorrt-cu13 or tensorrt-cu12, or the libraries in LD_LIBRARY_PATH)",
}


def has_gpu() -> bool:
    """Whether the kernel reports an NVIDIA device. Without CUDA, which takes a second to answer."""
    return bool(gpu_numbers()) or any((DEVICE_FOLDER / name).exists() for name in GPU_CONTROL_DEVICES)


def gpu_numbers() -> list[int]:
    """Return the numbers of the NVIDIA devices that the kernel reports, ascending."""
    try:
        matches = [GPU_DEVICE_NAME.fullmatch(entry.name) for entry in DEVICE_FOLDER.iterdir()]
    except OSError:
        return []
    return sorted(int(match[1]) for match in matches if match)


def first_provider(provider: Provider) -> str:
    """Return the execution provider to try first. TensorRT only on request: it takes minutes to build an engine."""
    return {"cpu": CPU, "tensorrt": TENSORRT}.get(provider, CUDA)


def provider_chain(first: str, device: int, memory_mb: int, engines: Path | None, half: bool) -> ProviderChain:
    """Return the providers with their options, in the order in which they are offered each node of a graph.

    `device`: number of the GPU. `memory_mb`: limit of its memory, 0: none. `engines`: cache folder of TensorRT.
    `half`: TensorRT may compute in float16.
    """
    options = {
        CUDA: lambda: _cuda(device, memory_mb),
        TENSORRT: lambda: _tensorrt(device, memory_mb, engines, half),
    }
    order = {CPU: (), CUDA: (CUDA,), TENSORRT: (TENSORRT, CUDA)}[first]
    return [*((name, options[name]()) for name in order), CPU]


def _cuda(device: int, memory_mb: int) -> dict[str, str]:
    # Powers of two would grow the arena to up to twice the need, and other programs use the GPU, too.
    options = {"arena_extend_strategy": "kSameAsRequested", "cudnn_conv_algo_search": "HEURISTIC"}
    limit = {"gpu_mem_limit": str(memory_mb << 20)} if memory_mb else {}
    return {"device_id": str(device), **options, **limit}


def _tensorrt(device: int, memory_mb: int, engines: Path | None, half: bool) -> dict[str, str]:
    """Return options without a shape profile, so that the engine is built for the batch of the first call.

    A fixed batch size in the graph would not work with the cache, whose keys are names in the graph, not shapes.
    """
    options = {"device_id": str(device), "trt_fp16_enable": str(half), "trt_force_sequential_engine_build": "True"}
    if memory_mb:
        options["trt_max_workspace_size"] = str(memory_mb << 20)
    if engines is not None:
        options |= {"trt_engine_cache_enable": "True", "trt_engine_cache_path": str(engines)}
        options |= {"trt_timing_cache_enable": "True", "trt_timing_cache_path": str(engines)}
    return options

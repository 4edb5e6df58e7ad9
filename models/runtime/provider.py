"""Where a network may run: the names of the providers, what each is told, and the GPUs that the kernel shows.

The options are those of ONNX Runtime's own pages on its CUDA and TensorRT execution providers. CUDA graphs are left
out: one is captured for each calling thread, and any other thread's allocation or copy on a GPU meanwhile breaks it
(CUDA error 900), while here a second model, a second GPU and questions over the socket have threads of their own. In
batches of 64 the starts of kernels, all that a graph saves, are a small part of the time.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

Provider = Literal["auto", "cpu", "cuda", "tensorrt"]
ProviderChain = list[str | tuple[str, dict[str, str]]]
CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
GPU_PROVIDERS = (CUDA, TENSORRT)
DEFAULT_BATCH = {CPU: 8, CUDA: 64, TENSORRT: 64}  # measured on a CPU: it gains nothing above 8
DEVICE_FOLDER = Path("/dev")
GPU_DEVICE_NAME = re.compile(r"nvidia(\d+)")
GPU_CONTROL_DEVICES = ("nvidiactl", "dxg")  # a driver without device nodes yet, and the one of WSL
INSTALL_REMEDY: Mapping[str, str] = {
    CUDA: "install catalogd[cuda] and a current NVIDIA driver (`nvidia-smi` must answer)",
    TENSORRT: "install catalogd[cuda], a current NVIDIA driver, and TensorRT 10 for the same CUDA"
    " (the package tensorrt-cu13 or tensorrt-cu12, or the libraries in LD_LIBRARY_PATH)",
}


def has_gpu() -> bool:
    """Whether the kernel shows an NVIDIA device. A stat, not a library: asking CUDA itself takes a second."""
    return bool(gpu_numbers()) or any((DEVICE_FOLDER / name).exists() for name in GPU_CONTROL_DEVICES)


def gpu_numbers() -> list[int]:
    """The numbers of the NVIDIA devices that the kernel shows, rising."""
    try:
        found = [GPU_DEVICE_NAME.fullmatch(entry.name) for entry in DEVICE_FOLDER.iterdir()]
    except OSError:
        return []
    return sorted(int(one[1]) for one in found if one)


def first_provider(provider: Provider) -> str:
    """The execution provider that is tried first. TensorRT only where it is asked for: it builds for minutes."""
    return {"cpu": CPU, "tensorrt": TENSORRT}.get(provider, CUDA)


def provider_chain(first: str, device: int, memory_mb: int, engines: Path | None, half: bool) -> ProviderChain:
    """The providers in the order in which each node of a graph is offered to them, with what each is told.

    `device`: which GPU; `memory_mb`: of it at most, 0 = no limit; `engines`: where TensorRT keeps what it has built;
    `half`: whether it may compute in float16.
    """
    told = {
        CUDA: lambda: _cuda(device, memory_mb),
        TENSORRT: lambda: _tensorrt(device, memory_mb, engines, half),
    }
    order = {CPU: (), CUDA: (CUDA,), TENSORRT: (TENSORRT, CUDA)}[first]
    return [*((name, told[name]()) for name in order), CPU]


def _cuda(device: int, memory_mb: int) -> dict[str, str]:
    # Powers of two would round the arena up to twice what is needed; other programs use the GPU, too.
    options = {"arena_extend_strategy": "kSameAsRequested", "cudnn_conv_algo_search": "HEURISTIC"}
    limit = {"gpu_mem_limit": str(memory_mb << 20)} if memory_mb else {}
    return {"device_id": str(device), **options, **limit}


def _tensorrt(device: int, memory_mb: int, engines: Path | None, half: bool) -> dict[str, str]:
    """No profile of shapes is given: it takes the one batch that it is shown. A batch size written into the graph would
    be wrong with the cache, which tells engines apart by the names in a graph, not by fixed shapes.
    """
    options = {"device_id": str(device), "trt_fp16_enable": str(half), "trt_force_sequential_engine_build": "True"}
    if memory_mb:
        options["trt_max_workspace_size"] = str(memory_mb << 20)
    if engines is not None:
        options |= {"trt_engine_cache_enable": "True", "trt_engine_cache_path": str(engines)}
        options |= {"trt_timing_cache_enable": "True", "trt_timing_cache_path": str(engines)}
    return options

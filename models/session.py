"""The network, run: the one place that knows ONNX Runtime."""

import os
import re
from pathlib import Path
from typing import Literal

import numpy as np

from models.bundle import Bundle
from models.described import REMEDY, BundleError
from models.tower import Tower

# Since 1.29 the official builds report each session to their maker, unless this stands when the library is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort

Provider = Literal["auto", "cpu", "cuda"]
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
DEVICE_NODES = (Path("/dev/nvidiactl"), Path("/dev/nvidia0"), Path("/dev/dxg"))
BATCH = {CPU: 8, CUDA: 64}
INSTALL = "install catalogd[cuda] and a current NVIDIA driver (`nvidia-smi` must answer)"
NO_MEMORY = re.compile(r"out of memory|failed to allocate|bad_alloc|bad allocation|CUDA_ERROR_OUT_OF_MEMORY", re.I)
FATAL = 4  # without a GPU the runtime warns of every device that it does not find, on stderr, at once


class ProviderError(Exception):
    """The provider that was asked for is not to be had; the message names the remedy."""


class Session:
    """A loaded graph. `provider` is what the live session says, `warning` is "" or a word that must be shown loudly.

    `batch`: images a call that gives most images a second; measured, a CPU gains nothing above 8.
    """

    def __init__(
        self, bundle: Bundle, *, provider: Provider = "auto", threads: int = 0, device: int = 0, memory_mb: int = 0
    ) -> None:
        """`threads` 0 = as many as there are cores; `device`: which GPU; `memory_mb`: of it at most, 0 = no limit.

        Raises ProviderError for a provider that cannot be had, BundleError for a graph that cannot be loaded or whose
        shapes are not those of its bundle.
        """
        ort.set_default_logger_severity(FATAL)
        self._bundle = bundle
        self._live, why = _open(bundle, provider, threads, _cuda_options(device, memory_mb))
        _check_shapes(bundle, self._live)
        self._shrink = _shrinking(device) if self._live.get_providers()[0] == CUDA else None
        self.provider: str = self._live.get_providers()[0]
        fixed = _fixed_batch(self._live)
        self.batch = fixed or BATCH.get(self.provider, BATCH[CPU])
        # One shape only on the GPU: every new one costs a search for kernels and another piece of the arena.
        self._whole = bool(fixed) or self.provider == CUDA
        self._least = fixed or 1
        self.warning = ""
        if provider == "auto" and self.provider != CUDA and has_gpu():
            self.warning = f"this machine has an NVIDIA GPU, but the model runs on the CPU ({why}): {INSTALL}"

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [B, H, W, 3] to float32 [B, dims], each of length 1. Raises what ONNX Runtime raises, or ValueError.

        Should memory run out, batches are half as large from then on, and `warning` says so.
        """
        while True:
            try:
                return self._in_batches(pixels)
            except Exception as error:
                if self.batch <= self._least or not NO_MEMORY.search(str(error)):
                    raise
                self.batch = max(self._least, self.batch // 2)
                self.warning = f"memory ran out ({_short(error)}): batches of {self.batch} from now on"

    def _in_batches(self, pixels: np.ndarray) -> np.ndarray:
        count, step = len(pixels), self.batch
        if self._whole and count % step:
            pixels = np.concatenate([pixels, np.repeat(pixels[-1:], step - count % step, axis=0)])
        # Never more than a batch at once: on a CPU more is not faster, and memory grows by 30 MB an image.
        parts = [self._run(pixels[i : i + step]) for i in range(0, len(pixels), step)]
        return _unit(np.concatenate(parts)[:count])

    def _run(self, pixels: np.ndarray) -> np.ndarray:
        given = {self._bundle.input_name: pixels}
        vectors: np.ndarray = self._live.run([self._bundle.output_name], given, self._shrink)[0]
        if vectors.shape != (len(pixels), self._bundle.dims):
            raise ValueError(f"the model gave {vectors.shape}, its bundle says {self._bundle.dims} numbers an image")
        return vectors


class TextSession:
    """The text tower's loaded graph, on the CPU: a query is one row, and the GPU's memory belongs to the pictures."""

    def __init__(self, tower: Tower, dims: int, *, threads: int = 0) -> None:
        """Raises BundleError for a graph that cannot be loaded, or that gives vectors of another length."""
        ort.set_default_logger_severity(FATAL)
        self._tower, self._dims = tower, dims
        self._live = _create(tower.graph, [CPU], threads)
        _check_dims(tower.graph, self._live, dims)
        self._step = _fixed_batch(self._live) or BATCH[CPU]
        self._fixed = bool(_fixed_batch(self._live))

    def run(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Two int64 [N, length] to float32 [N, dims], each of length 1. Raises what ONNX Runtime raises, ValueError."""
        if not len(ids):
            return np.empty((0, self._dims), np.float32)
        step, count = self._step, len(ids)
        if self._fixed and count % step:
            ids, mask = (np.concatenate([rows, np.repeat(rows[-1:], step - count % step, 0)]) for rows in (ids, mask))
        parts = [self._run(ids[i : i + step], mask[i : i + step]) for i in range(0, len(ids), step)]
        return _unit(np.concatenate(parts)[:count])

    def _run(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        given = {self._tower.ids: ids} | ({self._tower.mask: mask} if self._tower.mask else {})
        vectors: np.ndarray = self._live.run([self._tower.output], given)[0]
        if vectors.shape != (len(ids), self._dims):
            raise ValueError(f"the text model gave {vectors.shape}, its bundle says {self._dims} numbers a text")
        return vectors


def _fixed_batch(live: ort.InferenceSession) -> int:
    """Rows that the graph takes, neither more nor fewer; 0 = any number."""
    rows = live.get_inputs()[0].shape[0]
    return rows if isinstance(rows, int) else 0


def run_once(graph: Path, *given: np.ndarray) -> np.ndarray:
    """The first output of any graph on the CPU, float32, row by row; `given` in the order of its inputs, cast to them.

    Raises what ONNX Runtime raises.
    """
    ort.set_default_logger_severity(FATAL)
    live = _create(graph, [CPU], 0)
    kinds = {"tensor(float16)": np.float16, "tensor(float)": np.float32, "tensor(uint8)": np.uint8}
    integers = {"tensor(int32)": np.int32, "tensor(int64)": np.int64}
    entries = {
        entry.name: rows.astype((kinds | integers)[entry.type])
        for entry, rows in zip(live.get_inputs(), given, strict=True)
    }
    every = range(len(given[0]))
    rows = [live.run(None, {name: part[i : i + 1] for name, part in entries.items()})[0] for i in every]
    return np.concatenate(rows).astype(np.float32)


def has_gpu() -> bool:
    """Whether the kernel shows an NVIDIA device. A stat, not a library: asking CUDA itself takes a second."""
    return any(node.exists() for node in DEVICE_NODES)


def _short(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:120]


def _open(
    bundle: Bundle, provider: Provider, threads: int, cuda: tuple[str, dict[str, str]]
) -> tuple[ort.InferenceSession, str]:
    """The session, and why it is not on the GPU ("" where it is or need not be)."""
    why, blocks = _why_no_cuda() if provider != "cpu" else "as configured", bundle.precision != "fp16"
    if not why:
        try:
            live = _create(bundle.graph, [cuda, CPU], threads, blocks)
        except Exception as error:
            why = str(error)
        else:
            if live.get_providers()[0] == CUDA:
                return live, ""
            why = "the CUDA libraries could not be loaded"
    if provider == "cuda":
        raise ProviderError(f"the model cannot run on the GPU ({why}): {INSTALL}, or set provider to auto or cpu")
    return _create(bundle.graph, [CPU], threads, blocks), why


def _why_no_cuda() -> str:
    if not has_gpu():
        return "no NVIDIA device"
    if CUDA not in ort.get_available_providers():
        return "ONNX Runtime is installed without CUDA"
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()  # finds the libraries that the cuda extra installed as Python packages
    return ""


def _cuda_options(device: int, memory_mb: int) -> tuple[str, dict[str, str]]:
    # Powers of two would round the arena up to twice what is needed; other programs use the GPU, too.
    options = {"arena_extend_strategy": "kSameAsRequested", "cudnn_conv_algo_search": "HEURISTIC"}
    limit = {"gpu_mem_limit": str(memory_mb << 20)} if memory_mb else {}
    return CUDA, {"device_id": str(device), **options, **limit}


def _shrinking(device: int) -> ort.RunOptions:
    """Give back what the largest batch so far has taken and this one does not need."""
    options = ort.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", f"gpu:{device}")
    return options


def _create(
    graph: Path, providers: list[str | tuple[str, dict[str, str]]], threads: int, blocks: bool = False
) -> ort.InferenceSession:
    """`blocks`: convolutions may be laid out in blocks of channels; ONNX Runtime 1.31 crashes on those in float16."""
    options = ort.SessionOptions()
    options.log_severity_level = FATAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning wins microseconds a batch and takes a core from the decoders for it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Patterns are planned for each batch size and kept: with changing sizes that is memory that only grows.
    options.enable_mem_pattern = False
    try:
        plain = [] if blocks else ["NchwcTransformer"]
        return ort.InferenceSession(graph, options, providers=providers, disabled_optimizers=plain)
    except Exception as error:
        raise BundleError(f"{graph} cannot be loaded ({str(error).strip()}): {REMEDY}") from error


def _check_shapes(bundle: Bundle, live: ort.InferenceSession) -> None:
    """A shape that the graph leaves open is found out when it runs."""
    _check_dims(bundle.graph, live, bundle.dims)
    taken, recipe = live.get_inputs()[0].shape, bundle.recipe
    if all(isinstance(edge, int) for edge in taken[1:3]) and taken[1:3] != [recipe.height, recipe.width]:
        size = f"{recipe.width} x {recipe.height}"
        raise BundleError(f"{bundle.graph} takes pictures of {taken}, its bundle says {size}: export the model again")


def _check_dims(graph: Path, live: ort.InferenceSession, dims: int) -> None:
    given = live.get_outputs()[0].shape
    if len(given) == 2 and isinstance(given[1], int) and given[1] != dims:
        raise BundleError(f"{graph} gives {given[1]} numbers, its bundle says {dims}: export the model again")


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = vectors.astype(np.float32, copy=False)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.all(np.isfinite(lengths)) or not np.all(lengths > 0):
        raise ValueError("the model gave a vector without direction (zero, infinite or not a number)")
    return np.ascontiguousarray(vectors / lengths)

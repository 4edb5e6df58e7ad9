"""ONNX Runtime: the one place that knows it. Graphs loaded, bound to a device, and asked what they take and give."""

import importlib
import os
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import TypeAlias

import numpy as np

from models.bundle.folder import Bundle
from models.bundle.schema import REMEDY, BundleError
from models.runtime.provider import CPU, TENSORRT, ProviderChain, has_gpu

# Since 1.29 the official builds report each session to their maker, unless this stands when the library is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort

OrtSession: TypeAlias = ort.InferenceSession
LOG_FATAL = 4  # without a GPU the runtime warns of every device that it does not find, on stderr, at once


def load_graph(graph: Path, providers: ProviderChain, threads: int, blocks: bool = False) -> OrtSession:
    """The graph, loaded; raises BundleError. `blocks`: convolutions may be laid out in blocks of channels; ONNX Runtime
    1.31 crashes on those in float16.
    """
    ort.set_default_logger_severity(LOG_FATAL)
    options = ort.SessionOptions()
    options.log_severity_level = LOG_FATAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning wins microseconds a batch and takes a core from the decoders for it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Patterns are planned for each batch size and kept: with changing sizes that is memory that only grows.
    options.enable_mem_pattern = False
    try:
        plain = [] if blocks else ["NchwcTransformer"]
        # Its own fallback would print on stdout, and go on with another provider than the one that is stated.
        return ort.InferenceSession(graph, options, providers=providers, disabled_optimizers=plain, enable_fallback=0)
    except Exception as error:
        raise BundleError(f"{graph} cannot be loaded ({str(error).strip()}): {REMEDY}") from error


def load_provider_libraries(provider: str) -> str:
    """Why a provider of the GPU cannot be had, or ""; then its libraries are loaded, where they came as packages."""
    if not has_gpu():
        return "no NVIDIA device"
    if provider not in ort.get_available_providers():
        return f"ONNX Runtime is installed without {'TensorRT' if provider == TENSORRT else 'CUDA'}"
    with redirect_stdout(sys.stderr):  # it prints what it does not find
        if hasattr(ort, "preload_dlls"):
            ort.preload_dlls()  # finds the libraries that the cuda extra installed as Python packages
    if provider == TENSORRT:
        with suppress(ImportError):
            importlib.import_module("tensorrt_libs")  # NVIDIA's package of the libraries; its import loads them
    return ""


def shrink_options(device: int) -> ort.RunOptions:
    """Options of a run that gives back what of a GPU's memory the runs up to it have taken and do not hold."""
    options = ort.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", f"gpu:{device}")
    return options


class IoBinding:
    """A batch's place on a device: its pixels go in, and its vectors come out, at the same addresses each time."""

    def __init__(self, live: OrtSession, bundle: Bundle, rows: int, place: tuple[str, int]) -> None:
        """`place`: the kind of device, "cuda" or "cpu", and its number. Raises what ONNX Runtime raises."""
        result = next(one for one in live.get_outputs() if one.name == bundle.output_name)
        kind = np.float16 if result.type == "tensor(float16)" else np.float32
        self._live = live
        self.shape = (rows, bundle.recipe.height, bundle.recipe.width, 3)
        self._pixels = ort.OrtValue.ortvalue_from_shape_and_type(self.shape, np.uint8, *place)
        self._vectors = ort.OrtValue.ortvalue_from_shape_and_type((rows, bundle.dims), kind, *place)
        self._bound = live.io_binding()
        self._bound.bind_ortvalue_input(bundle.input_name, self._pixels)
        self._bound.bind_ortvalue_output(bundle.output_name, self._vectors)

    def run(self, pixels: np.ndarray, options: ort.RunOptions | None) -> np.ndarray:
        """The vectors, in memory of their own. Raises ValueError for other pixels than were bound."""
        if pixels.shape != self.shape or pixels.dtype != np.uint8:  # ONNX Runtime itself only counts the elements
            raise ValueError(f"wrong type or dimension: {pixels.dtype} {pixels.shape}, bound is uint8 {self.shape}")
        self._pixels.update_inplace(pixels)
        self._live.run_with_iobinding(self._bound, options)
        # On a CPU the value is shown where it lies, and the next batch would overwrite it.
        return np.array(self._vectors.numpy())


def fixed_batch(live: OrtSession) -> int:
    """Rows that the graph takes, neither more nor fewer; 0 = any number."""
    rows = live.get_inputs()[0].shape[0]
    return rows if isinstance(rows, int) else 0


def check_dims(graph: Path, live: OrtSession, dims: int) -> None:
    """Raises BundleError for a graph whose vectors have another length."""
    given = live.get_outputs()[0].shape
    if len(given) == 2 and isinstance(given[1], int) and given[1] != dims:
        raise BundleError(f"{graph} gives {given[1]} numbers, its bundle says {dims}: export the model again")


def run_once(graph: Path, *given: np.ndarray) -> np.ndarray:
    """The first output of any graph on the CPU, float32, row by row; `given` in the order of its inputs, cast to them.

    Raises what ONNX Runtime raises.
    """
    live = load_graph(graph, [CPU], 0)
    kinds = {"tensor(float16)": np.float16, "tensor(float)": np.float32, "tensor(uint8)": np.uint8}
    integers = {"tensor(int32)": np.int32, "tensor(int64)": np.int64}
    entries = {
        entry.name: rows.astype((kinds | integers)[entry.type])
        for entry, rows in zip(live.get_inputs(), given, strict=True)
    }
    every = range(len(given[0]))
    rows = [live.run(None, {name: part[i : i + 1] for name, part in entries.items()})[0] for i in every]
    return np.concatenate(rows).astype(np.float32)

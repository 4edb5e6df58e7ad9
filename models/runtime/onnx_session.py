"""The only user of ONNX Runtime: loading graphs, binding them to a device, and querying their shapes."""

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

# Since 1.29 official builds send telemetry for each session, unless this is set when the library is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort

OrtSession: TypeAlias = ort.InferenceSession
LOG_FATAL = 4  # without a GPU the runtime warns on stderr about every device that it does not find


def load_graph(graph: Path, providers: ProviderChain, threads: int, blocks: bool = False) -> OrtSession:
    """Load a graph. Raises BundleError.

    `blocks`: convolutions may use blocks of channels, which crash ONNX Runtime 1.31 in float16.
    """
    ort.set_default_logger_severity(LOG_FATAL)
    options = ort.SessionOptions()
    options.log_severity_level = LOG_FATAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning saves microseconds per batch, but takes a core from the decoders.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Memory patterns are kept for each batch size: with varying sizes, memory would only grow.
    options.enable_mem_pattern = False
    try:
        disabled = [] if blocks else ["NchwcTransformer"]
        # Its fallback would print to stdout and continue with another provider than it reports.
        return ort.InferenceSession(
            graph, options, providers=providers, disabled_optimizers=disabled, enable_fallback=0
        )
    except Exception as error:
        raise BundleError(f"{graph} cannot be loaded ({str(error).strip()}): {REMEDY}") from error


def load_provider_libraries(provider: str) -> str:
    """Load a GPU provider's libraries, if they are installed as packages; return why it is not available, or ""."""
    if not has_gpu():
        return "no NVIDIA device"
    if provider not in ort.get_available_providers():
        return f"ONNX Runtime is installed without {'TensorRT' if provider == TENSORRT else 'CUDA'}"
    with redirect_stdout(sys.stderr):  # it prints what is missing
        if hasattr(ort, "preload_dlls"):
            ort.preload_dlls()  # finds the libraries that the cuda extra installed as Python packages
    if provider == TENSORRT:
        with suppress(ImportError):
            importlib.import_module("tensorrt_libs")  # NVIDIA's package, whose import loads the libraries
    return ""


def shrink_options(device: int) -> ort.RunOptions:
    """Return options of a run that releases GPU memory which earlier runs allocated but no longer use."""
    options = ort.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", f"gpu:{device}")
    return options


class IoBinding:
    """Fixed buffers on a device for the pixels and vectors of a batch."""

    def __init__(self, session: OrtSession, bundle: Bundle, rows: int, device: tuple[str, int]) -> None:
        """`device`: "cuda" or "cpu", and its number. Raises what ONNX Runtime raises."""
        output = next(output for output in session.get_outputs() if output.name == bundle.output_name)
        dtype = np.float16 if output.type == "tensor(float16)" else np.float32
        self._session = session
        self.shape = (rows, bundle.recipe.height, bundle.recipe.width, 3)
        self._pixels = ort.OrtValue.ortvalue_from_shape_and_type(self.shape, np.uint8, *device)
        self._vectors = ort.OrtValue.ortvalue_from_shape_and_type((rows, bundle.dims), dtype, *device)
        self._binding = session.io_binding()
        self._binding.bind_ortvalue_input(bundle.input_name, self._pixels)
        self._binding.bind_ortvalue_output(bundle.output_name, self._vectors)

    def run(self, pixels: np.ndarray, options: ort.RunOptions | None) -> np.ndarray:
        """Return a copy of the vectors. Raises ValueError for pixels of another shape or type than bound."""
        if pixels.shape != self.shape or pixels.dtype != np.uint8:  # ONNX Runtime only checks the number of elements
            raise ValueError(f"wrong type or dimension: {pixels.dtype} {pixels.shape}, bound is uint8 {self.shape}")
        self._pixels.update_inplace(pixels)
        self._session.run_with_iobinding(self._binding, options)
        # On a CPU, numpy() is a view that the next batch would overwrite.
        return np.array(self._vectors.numpy())


def fixed_batch(session: OrtSession) -> int:
    """Return the fixed number of rows that the graph takes; 0: any number."""
    rows = session.get_inputs()[0].shape[0]
    return rows if isinstance(rows, int) else 0


def check_dims(graph: Path, session: OrtSession, dims: int) -> None:
    """Raise BundleError for a graph whose vectors have another length."""
    shape = session.get_outputs()[0].shape
    if len(shape) == 2 and isinstance(shape[1], int) and shape[1] != dims:
        raise BundleError(f"{graph} gives {shape[1]} numbers, its bundle says {dims}: export the model again")


def run_once(graph: Path, *inputs: np.ndarray) -> np.ndarray:
    """Run any graph on the CPU row by row; return its first output as float32.

    `inputs`: in the order of the graph's, cast to their types. Raises what ONNX Runtime raises.
    """
    session = load_graph(graph, [CPU], 0)
    floats = {"tensor(float16)": np.float16, "tensor(float)": np.float32, "tensor(uint8)": np.uint8}
    integers = {"tensor(int32)": np.int32, "tensor(int64)": np.int64}
    arrays = {
        entry.name: array.astype((floats | integers)[entry.type])
        for entry, array in zip(session.get_inputs(), inputs, strict=True)
    }
    rows = [
        session.run(None, {name: array[i : i + 1] for name, array in arrays.items()})[0] for i in range(len(inputs[0]))
    ]
    return np.concatenate(rows).astype(np.float32)

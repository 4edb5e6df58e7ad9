"""A session: a bundle's network, run in batches on the requested provider."""

import re
from pathlib import Path
from threading import Lock

import numpy as np

from models.bundle.folder import Bundle
from models.bundle.schema import BundleError
from models.runtime.onnx_session import (
    IoBinding,
    OrtSession,
    check_dims,
    fixed_batch,
    load_graph,
    load_provider_libraries,
    shrink_options,
)
from models.runtime.provider import (
    CPU,
    CUDA,
    DEFAULT_BATCH,
    GPU_PROVIDERS,
    INSTALL_REMEDY,
    Provider,
    ProviderChain,
    first_provider,
    has_gpu,
    provider_chain,
)

# Messages of the arena and its limit, of CUDA, of cuBLAS and cuDNN, and of C++.
OUT_OF_MEMORY = re.compile(
    r"failed to allocate|smaller than requested bytes|out.of.memory|_ALLOC_FAILED|bad_alloc|bad allocation", re.I
)


class ProviderError(Exception):
    """The requested provider is not available; the message names the remedy."""


class Session:
    """A loaded graph, usable by several threads at once.

    `provider`: as reported by ONNX Runtime. `warning`: must be shown prominently, or "". `batch`: images per call.
    `devices`: the number of its GPU, empty on a CPU.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        provider: Provider = "auto",
        threads: int = 0,
        device: int = 0,
        memory_mb: int = 0,
        batch: int = 0,
        engines: Path | None = None,
        bound: bool = False,
    ) -> None:
        """Load the graph.

        `threads`: 0: all cores. `device`: number of the GPU. `memory_mb`: limit of its memory, 0: none. `batch`: images
        per call, 0: the fastest. `engines`: cache folder of TensorRT. `bound`: use fixed buffers on a CPU, too, where
        they save nothing.

        Raises ProviderError for a provider that is not available, BundleError for a graph that cannot be loaded or
        whose shapes contradict its bundle.
        """
        self._bundle = bundle
        first, half = first_provider(provider), bundle.precision == "fp16"
        self._session, cpu_reason = _open(
            bundle, provider, threads, provider_chain(first, device, memory_mb, engines, half)
        )
        _check_shapes(bundle, self._session)
        self.provider: str = self._session.get_providers()[0]
        on_gpu = self.provider in GPU_PROVIDERS
        self.devices: tuple[int, ...] = (device,) if on_gpu else ()
        self._shrink = shrink_options(device) if self.provider == CUDA else None
        self._device = ("cuda", device) if on_gpu else ("cpu", 0) if bound else None
        self._binding: IoBinding | None = None
        self._lock = Lock()
        fixed = fixed_batch(self._session)
        self.batch = fixed or batch or DEFAULT_BATCH.get(self.provider, DEFAULT_BATCH[CPU])
        # A single shape on the GPU: every new one costs a search for kernels and more of the arena.
        self._pad_batches = bool(fixed) or self._device is not None
        self._min_batch = fixed or 1
        self.warning = ""
        if provider == "auto" and not on_gpu and has_gpu():
            self.warning = (
                f"this machine has an NVIDIA GPU, but the model runs on the CPU ({cpu_reason}): {INSTALL_REMEDY[first]}"
            )

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """Map uint8 [B, H, W, 3] to unit vectors, float32 [B, dims]. Raises ValueError, or what ONNX Runtime raises.

        If memory runs out, batches are halved from then on, and `warning` says so.
        """
        while True:
            try:
                return self._in_batches(pixels)
            except Exception as error:
                if self.batch <= self._min_batch or not OUT_OF_MEMORY.search(str(error)):
                    raise
                self.batch = max(self._min_batch, self.batch // 2)
                self.warning = f"memory ran out ({_first_line(error)}): batches of {self.batch} from now on"

    def _in_batches(self, pixels: np.ndarray) -> np.ndarray:
        count, step = len(pixels), self.batch
        if self._pad_batches and count % step:
            pixels = np.concatenate([pixels, np.repeat(pixels[-1:], step - count % step, axis=0)])
        # Larger calls are not faster on a CPU, and take 30 MB per image.
        parts = [self._run(pixels[i : i + step]) for i in range(0, len(pixels), step)]
        return unit_rows(np.concatenate(parts)[:count])

    def _run(self, pixels: np.ndarray) -> np.ndarray:
        if self._device is not None:
            return self._run_bound(pixels, self._device)
        inputs = {self._bundle.input_name: pixels}
        vectors: np.ndarray = self._session.run([self._bundle.output_name], inputs)[0]
        if vectors.shape != (len(pixels), self._bundle.dims):
            raise ValueError(
                f"the model returned {vectors.shape}, its bundle says {self._bundle.dims} numbers per image"
            )
        return vectors

    def _run_bound(self, pixels: np.ndarray, device: tuple[str, int]) -> np.ndarray:
        with self._lock:
            binding, options = self._binding, None
            if binding is None or binding.shape[0] != len(pixels):
                self._binding = binding = None  # release the old buffers first
                self._binding = binding = IoBinding(self._session, self._bundle, len(pixels), device)
                # Release the memory of a larger batch once; after every run, each run would have to allocate again.
                options = self._shrink
            return binding.run(pixels, options)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:120]


def _open(bundle: Bundle, provider: Provider, threads: int, order: ProviderChain) -> tuple[OrtSession, str]:
    """Return the session, and why it is not on the GPU ("" if it is)."""
    first, blocks = first_provider(provider), bundle.precision != "fp16"
    reason = "as configured" if first == CPU else load_provider_libraries(first)
    if not reason:
        try:
            session = load_graph(bundle.graph, order, threads, blocks)
        except Exception as error:
            reason = str(error)
        else:
            if session.get_providers()[0] == first:
                return session, ""
            reason = f"the libraries of {first} could not be loaded"
    if provider in ("cuda", "tensorrt"):
        remedy = f"{INSTALL_REMEDY[first]}, or set provider to auto or cpu"
        raise ProviderError(f"the model cannot run on the GPU ({reason}): {remedy}")
    return load_graph(bundle.graph, [CPU], threads, blocks), reason


def _check_shapes(bundle: Bundle, session: OrtSession) -> None:
    """Check fixed shapes; dimensions that the graph leaves open are checked by running it."""
    check_dims(bundle.graph, session, bundle.dims)
    shape, recipe = session.get_inputs()[0].shape, bundle.recipe
    if all(isinstance(edge, int) for edge in shape[1:3]) and shape[1:3] != [recipe.height, recipe.width]:
        size = f"{recipe.width} x {recipe.height}"
        raise BundleError(f"{bundle.graph} takes images of {shape}, its bundle says {size}: export the model again")


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Return the rows as float32 unit vectors. Raises ValueError for a row without direction."""
    vectors = vectors.astype(np.float32, copy=False)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.all(np.isfinite(lengths)) or not np.all(lengths > 0):
        raise ValueError("the model returned a vector without direction (zero, infinite or not a number)")
    return np.ascontiguousarray(vectors / lengths)

"""A bundle's network, run in batches on the provider that was asked for, or on none."""

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

# The words of the allocators: the arena's own, and the one for its limit; CUDA's; those of cuBLAS and cuDNN; C++'s.
OUT_OF_MEMORY = re.compile(
    r"failed to allocate|smaller than requested bytes|out.of.memory|_ALLOC_FAILED|bad_alloc|bad allocation", re.I
)


class ProviderError(Exception):
    """The provider that was asked for is not to be had; the message names the remedy."""


class Session:
    """A loaded graph. `provider` is what the live session says, `warning` is "" or a word that must be shown loudly.

    `batch`: images a call; `devices`: the number of its GPU, none on a CPU. May be used by several threads at once.
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
        """`threads` 0 = as many as there are cores; `device`: which GPU; `memory_mb`: of it at most, 0 = no limit;
        `batch`: images a call, 0 = what gives most images a second; `engines`: a folder in which TensorRT keeps what it
        has built; `bound`: batches of one size, at one place, on a CPU too, where it saves nothing.

        Raises ProviderError for a provider that cannot be had, BundleError for a graph that cannot be loaded or whose
        shapes are not those of its bundle.
        """
        self._bundle = bundle
        first, half = first_provider(provider), bundle.precision == "fp16"
        self._live, why = _open(bundle, provider, threads, provider_chain(first, device, memory_mb, engines, half))
        _check_shapes(bundle, self._live)
        self.provider: str = self._live.get_providers()[0]
        on_gpu = self.provider in GPU_PROVIDERS
        self.devices: tuple[int, ...] = (device,) if on_gpu else ()
        self._shrink = shrink_options(device) if self.provider == CUDA else None
        self._place = ("cuda", device) if on_gpu else ("cpu", 0) if bound else None
        self._binding: IoBinding | None = None
        self._lock = Lock()
        fixed = fixed_batch(self._live)
        self.batch = fixed or batch or DEFAULT_BATCH.get(self.provider, DEFAULT_BATCH[CPU])
        # One shape only on the GPU: every new one costs a search for kernels and another piece of the arena.
        self._whole = bool(fixed) or self._place is not None
        self._least = fixed or 1
        self.warning = ""
        if provider == "auto" and not on_gpu and has_gpu():
            self.warning = (
                f"this machine has an NVIDIA GPU, but the model runs on the CPU ({why}): {INSTALL_REMEDY[first]}"
            )

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [B, H, W, 3] to float32 [B, dims], each of length 1. Raises what ONNX Runtime raises, or ValueError.

        Should memory run out, batches are half as large from then on, and `warning` says so.
        """
        while True:
            try:
                return self._in_batches(pixels)
            except Exception as error:
                if self.batch <= self._least or not OUT_OF_MEMORY.search(str(error)):
                    raise
                self.batch = max(self._least, self.batch // 2)
                self.warning = f"memory ran out ({_first_line(error)}): batches of {self.batch} from now on"

    def _in_batches(self, pixels: np.ndarray) -> np.ndarray:
        count, step = len(pixels), self.batch
        if self._whole and count % step:
            pixels = np.concatenate([pixels, np.repeat(pixels[-1:], step - count % step, axis=0)])
        # Never more than a batch at once: on a CPU more is not faster, and memory grows by 30 MB an image.
        parts = [self._run(pixels[i : i + step]) for i in range(0, len(pixels), step)]
        return unit_rows(np.concatenate(parts)[:count])

    def _run(self, pixels: np.ndarray) -> np.ndarray:
        if self._place is not None:
            return self._run_bound(pixels, self._place)
        given = {self._bundle.input_name: pixels}
        vectors: np.ndarray = self._live.run([self._bundle.output_name], given)[0]
        if vectors.shape != (len(pixels), self._bundle.dims):
            raise ValueError(f"the model gave {vectors.shape}, its bundle says {self._bundle.dims} numbers an image")
        return vectors

    def _run_bound(self, pixels: np.ndarray, place: tuple[str, int]) -> np.ndarray:
        with self._lock:
            binding, options = self._binding, None
            if binding is None or binding.shape[0] != len(pixels):
                self._binding = binding = None  # first gives back what it held
                self._binding = binding = IoBinding(self._live, self._bundle, len(pixels), place)
                # What a larger batch took is given back once; after every run, each would have to take its own anew.
                options = self._shrink
            return binding.run(pixels, options)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:120]


def _open(bundle: Bundle, provider: Provider, threads: int, order: ProviderChain) -> tuple[OrtSession, str]:
    """The session, and why it is not on the GPU ("" where it is or need not be)."""
    first, blocks = first_provider(provider), bundle.precision != "fp16"
    why = "as configured" if first == CPU else load_provider_libraries(first)
    if not why:
        try:
            live = load_graph(bundle.graph, order, threads, blocks)
        except Exception as error:
            why = str(error)
        else:
            if live.get_providers()[0] == first:
                return live, ""
            why = f"the libraries of {first} could not be loaded"
    if provider in ("cuda", "tensorrt"):
        remedy = f"{INSTALL_REMEDY[first]}, or set provider to auto or cpu"
        raise ProviderError(f"the model cannot run on the GPU ({why}): {remedy}")
    return load_graph(bundle.graph, [CPU], threads, blocks), why


def _check_shapes(bundle: Bundle, live: OrtSession) -> None:
    """A shape that the graph leaves open is found out when it runs."""
    check_dims(bundle.graph, live, bundle.dims)
    taken, recipe = live.get_inputs()[0].shape, bundle.recipe
    if all(isinstance(edge, int) for edge in taken[1:3]) and taken[1:3] != [recipe.height, recipe.width]:
        size = f"{recipe.width} x {recipe.height}"
        raise BundleError(f"{bundle.graph} takes pictures of {taken}, its bundle says {size}: export the model again")


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """The rows as float32, each of length 1. Raises ValueError for one without direction."""
    vectors = vectors.astype(np.float32, copy=False)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.all(np.isfinite(lengths)) or not np.all(lengths > 0):
        raise ValueError("the model gave a vector without direction (zero, infinite or not a number)")
    return np.ascontiguousarray(vectors / lengths)

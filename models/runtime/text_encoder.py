"""Text to vectors in the same space as images; the only user of `tokenizers`."""

import os
from pathlib import Path

import numpy as np

# No threads: a query is one row, and the library warns on stderr about a fork beside its threads.
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from tokenizers import Tokenizer

from models.bundle.folder import Bundle, BundleError
from models.bundle.text_cleaning import CleaningStep, clean_text
from models.bundle.text_tower import PaddingSide
from models.runtime.onnx_session import check_dims, fixed_batch, load_graph
from models.runtime.provider import CPU, DEFAULT_BATCH
from models.runtime.session import unit_rows

REMEDY = "export the model again, or choose another with `catalog model use`"


def read_tokenizer(path: Path) -> Tokenizer:
    """Read a tokeniser. Raises BundleError for a file that is not one."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        raise BundleError(f"{path} is not a tokeniser ({error}): {REMEDY}") from error
    tokenizer.no_padding()
    return tokenizer


def token_rows(
    tokenizer: Tokenizer,
    texts: list[str],
    steps: tuple[CleaningStep, ...],
    length: int,
    pad: int,
    side: PaddingSide = "right",
) -> tuple[np.ndarray, np.ndarray]:
    """Return (ids, mask), int64 [N, length] each: cleaned, truncated, padded with the id `pad` at `side`."""
    ids = np.full((len(texts), length), pad, np.int64)
    mask = np.zeros_like(ids)
    for row, encoding in enumerate(tokenizer.encode_batch([clean_text(text, steps) for text in texts])):
        count = min(len(encoding.ids), length)
        kept = slice(0, count) if side == "right" else slice(length - count, length)
        ids[row, kept], mask[row, kept] = encoding.ids[:count], 1
    return ids, mask


class TextEncoder:
    """The loaded text tower of a bundle, on the CPU: a query is one row, and the GPU's memory is kept for images."""

    def __init__(self, bundle: Bundle, *, threads: int = 0) -> None:
        """`threads`: 0: all cores. Raises BundleError for a bundle without a text tower, or with a broken one."""
        if bundle.text is None:
            raise BundleError(
                f"{bundle.name} supports images only, so it cannot search by text: "
                "choose a model with text (CLIP, SigLIP, MobileCLIP, UForm) with `catalog model use`"
            )
        self._tower, self._dims = bundle.text, bundle.dims
        self._tokenizer = read_tokenizer(self._tower.tokenizer)
        self._session = load_graph(self._tower.graph, [CPU], threads)
        check_dims(self._tower.graph, self._session, bundle.dims)
        self._batch = fixed_batch(self._session) or DEFAULT_BATCH[CPU]
        self._pad_batches = bool(fixed_batch(self._session))

    def encode(self, texts: list[str]) -> np.ndarray:
        """Return unit vectors, float32 [N, dims]. Raises ValueError, or what ONNX Runtime raises."""
        return self.network(*self.tokens(texts))

    def tokens(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return (ids, mask), int64 [N, length] each, cleaned, truncated and padded as the model requires."""
        tower = self._tower
        return token_rows(self._tokenizer, texts, tower.clean, tower.length, tower.pad, tower.side)

    def network(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Map tokens to unit vectors, float32 [N, dims]; attestation tells faults of tokens and of the network apart.

        Raises ValueError, or what ONNX Runtime raises.
        """
        if not len(ids):
            return np.empty((0, self._dims), np.float32)
        step, count = self._batch, len(ids)
        if self._pad_batches and count % step:
            ids, mask = (np.concatenate([rows, np.repeat(rows[-1:], step - count % step, 0)]) for rows in (ids, mask))
        parts = [self._run(ids[i : i + step], mask[i : i + step]) for i in range(0, len(ids), step)]
        return unit_rows(np.concatenate(parts)[:count])

    def _run(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        inputs = {self._tower.ids: ids} | ({self._tower.mask: mask} if self._tower.mask else {})
        vectors: np.ndarray = self._session.run([self._tower.output], inputs)[0]
        if vectors.shape != (len(ids), self._dims):
            raise ValueError(f"the text model returned {vectors.shape}, its bundle says {self._dims} numbers per text")
        return vectors

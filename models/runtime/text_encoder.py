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
from models.runtime.text_session import TextSession

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
    """The loaded text tower of a bundle whose `bundle.text` is not None."""

    def __init__(self, bundle: Bundle, *, threads: int = 0) -> None:
        """`threads`: 0: all cores. Raises BundleError for a bundle without a text tower, or with a broken one."""
        if bundle.text is None:
            raise BundleError(
                f"{bundle.name} supports images only, so it cannot search by text: "
                "choose a model with text (CLIP, SigLIP, MobileCLIP, UForm) with `catalog model use`"
            )
        self._tower = bundle.text
        self._tokenizer = read_tokenizer(self._tower.tokenizer)
        self._session = TextSession(self._tower, bundle.dims, threads=threads)

    def encode(self, texts: list[str]) -> np.ndarray:
        """Return unit vectors, float32 [N, dims]. Raises ValueError, or what ONNX Runtime raises."""
        return self._session.run(*self.tokens(texts))

    def tokens(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return (ids, mask), int64 [N, length] each, cleaned, truncated and padded as the model requires."""
        tower = self._tower
        return token_rows(self._tokenizer, texts, tower.clean, tower.length, tower.pad, tower.side)

    def network(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Return the vectors of tokens; attestation uses it to distinguish faults of tokens and of the network."""
        return self._session.run(ids, mask)

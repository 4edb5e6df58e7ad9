"""Words to vectors, in the space of the pictures: the one place that knows `tokenizers`."""

import os

import numpy as np

# Without threads of its own: a query is one row, and a fork beside them would make the library warn on stderr.
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from tokenizers import Tokenizer

from models.bundle import Bundle, BundleError
from models.clean import clean
from models.session import TextSession


class TextEncoder:
    """The text tower of a bundle, loaded. A bundle has one where `bundle.text` is not None."""

    def __init__(self, bundle: Bundle, *, threads: int = 0) -> None:
        """`threads` 0 = as many as there are cores. Raises BundleError for a bundle without text, or a broken tower."""
        if bundle.text is None:
            raise BundleError(
                f"{bundle.name} knows pictures only, it cannot be asked in words: "
                "choose a model with text (CLIP, SigLIP, MobileCLIP, UForm) with `catalog model use`"
            )
        self._tower = bundle.text
        self._remedy = "export the model again, or choose another with `catalog model use`"
        try:
            self._tokenizer = Tokenizer.from_file(str(self._tower.tokenizer))
        except Exception as error:
            raise BundleError(f"{self._tower.tokenizer} is no tokeniser ({error}): {self._remedy}") from error
        self._tokenizer.no_padding()
        try:
            self._session = TextSession(self._tower, bundle.dims, threads=threads)
        except Exception as error:
            raise BundleError(f"{self._tower.graph} cannot be loaded ({error}): {self._remedy}") from error

    def encode(self, texts: list[str]) -> np.ndarray:
        """Unit vectors, float32 [N, dims]. Raises ValueError, or what ONNX Runtime raises, for a model that fails."""
        return self._session.run(*self.tokens(texts))

    def tokens(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """(ids, mask), int64 [N, length] each, cleaned, cut and filled up as the source does it."""
        tower = self._tower
        ids = np.full((len(texts), tower.length), tower.pad, np.int64)
        mask = np.zeros_like(ids)
        cleaned = [clean(text, tower.clean) for text in texts]
        for row, encoding in enumerate(self._tokenizer.encode_batch(cleaned)):
            count = min(len(encoding.ids), tower.length)
            ids[row, :count], mask[row, :count] = encoding.ids[:count], 1
        return ids, mask

    def network(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """The vectors of given tokens: what attestation compares when words and network are to be told apart."""
        return self._session.run(ids, mask)

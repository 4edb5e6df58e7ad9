"""Embed texts for a command: by the running service, else by a text model in this process."""

from typing import TYPE_CHECKING

from catalog.client.protocol import decode_array
from catalog.client.service import ServiceClient
from catalog.config.load import Config
from catalog.errors import ResourceError

if TYPE_CHECKING:
    import numpy as np

    from models.bundle.folder import Bundle
    from models.runtime.text_encoder import TextEncoder


class TextEmbedder:
    """Text embedder of a bundle with a text tower. Its own model is loaded and attested only if no service answers."""

    def __init__(self, config: Config, bundle: "Bundle") -> None:
        self._config, self._bundle = config, bundle
        self._tower = bundle.text.id if bundle.text else ""
        self._encoder: TextEncoder | None = None

    def embed(self, texts: list[str]) -> "np.ndarray":
        """Return unit vectors, float32 [N, dims]. Raises ResourceError if the text model is unusable."""
        import numpy as np

        if self._encoder is None:
            answer = ServiceClient(self._config.state).words(texts)
            # The service may use the previous or the next model: vectors of the same length, but not comparable.
            if answer is not None and answer["tower"] == self._tower:
                return decode_array(answer["vectors"], np.float32).reshape(-1, self._bundle.dims)
            self._encoder = self._load()
        return self._encoder.encode(texts)

    def _load(self) -> "TextEncoder":
        from models.bundle.folder import BundleError
        from models.runtime.text_attestation import open_text_encoder

        try:
            return open_text_encoder(self._bundle, threads=self._config.model.threads)
        except BundleError as error:
            raise ResourceError(str(error), "Pull or export it again.") from error

"""Words to vectors, for a command: by the service's text model where it runs, else by one of our own."""

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
    """Of a bundle that has a text tower. Ours is loaded, and attested, only once no service has answered."""

    def __init__(self, config: Config, bundle: "Bundle") -> None:
        self._config, self._bundle = config, bundle
        self._tower = bundle.text.id if bundle.text else ""
        self._own: TextEncoder | None = None

    def say(self, texts: list[str]) -> "np.ndarray":
        """Unit vectors, float32 [N, dims]. Raises PlaceFault for a text model that may not be used."""
        import numpy as np

        if self._own is None:
            answer = ServiceClient(self._config.state).words(texts)
            # It may still serve the model before, or another one already: of as many numbers, and no use at all.
            if answer is not None and answer["tower"] == self._tower:
                return decode_array(answer["vectors"], np.float32).reshape(-1, self._bundle.dims)
            self._own = self._load()
        return self._own.encode(texts)

    def _load(self) -> "TextEncoder":
        from models.bundle.folder import BundleError
        from models.runtime.text_attestation import open_text_encoder

        try:
            return open_text_encoder(self._bundle, threads=self._config.model.threads)
        except BundleError as error:
            raise ResourceError(str(error), "Pull or export it again.") from error

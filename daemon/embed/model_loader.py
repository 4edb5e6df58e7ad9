"""A model, opened and attested on first use. If that fails, embedding pauses and the rest of the service goes on."""

import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import structlog

from catalog.config.load import Config
from catalog.embedding.sessions import open_session
from catalog.errors import ResourceError
from catalog.store.models import record_attestation
from daemon.writer import Writer
from models.bundle.folder import Bundle

if TYPE_CHECKING:
    import numpy as np

    from models.runtime.session_pool import ModelSession
    from models.runtime.text_encoder import TextEncoder

log = structlog.get_logger()


class LoadedModel:
    """The session and text encoder of a bundle. `problem`: why nothing is embedded, or "". Safe for any thread.

    `provider`: the execution provider, "" until the session has been opened once.
    """

    def __init__(self, bundle: Bundle, config: Config, model: int, writer: Writer) -> None:
        """`model`: its row id."""
        self.bundle = bundle
        self._config = config
        self._settings = config.model
        self._model = model
        self._writer = writer
        self._lock = threading.Lock()
        self._session: ModelSession | None = None
        self._text_encoder: TextEncoder | None = None
        self._last_used = 0.0
        self.problem = ""
        self.provider = ""

    def open(self) -> "ModelSession":
        """Return the attested session. Raises ResourceError, also in `problem`, if it cannot be opened or attested."""
        with self._lock:
            self._last_used = time.monotonic()
            if self._session is None:
                try:
                    self._session = self._open_session()
                except ResourceError as error:
                    self.problem = f"{error.problem}. {error.remedy}"
                    raise
            return self._session

    def embed_texts(self, texts: list[str]) -> "np.ndarray":
        """Return vectors of texts, float32 [N, dims], by the text model, loaded on first use. Raises ResourceError."""
        from models.bundle.folder import BundleError
        from models.runtime.text_attestation import open_text_encoder

        with self._lock:
            self._last_used = time.monotonic()
            try:
                self._text_encoder = self._text_encoder or open_text_encoder(
                    self.bundle, threads=self._settings.threads
                )
            except BundleError as error:
                raise ResourceError(str(error), "See `catalog model list`.") from error
            encoder = self._text_encoder
        return encoder.encode(texts)

    @property
    def warning(self) -> str:
        """The session's warning, "" while none is loaded."""
        session = self._session
        return "" if session is None else session.warning

    def unload_if_idle(self) -> None:
        """Release what nobody has used for `idle_minutes`; it is loaded and attested again on the next use."""
        minutes = self._settings.idle_minutes
        with self._lock:
            idle = time.monotonic() - self._last_used
            if minutes and idle >= 60 * minutes and (self._session is not None or self._text_encoder is not None):
                self._session = self._text_encoder = None
                log.info("model_let_go", model=self.bundle.name, idle_minutes=round(idle / 60, 1))

    def _open_session(self) -> "ModelSession":
        from models.runtime.attestation import attest

        started = time.monotonic()
        session = open_session(self.bundle, self._config)
        attestation = attest(self.bundle, session)
        if not attestation.ok:
            summary = "the model is not attested on this machine, so nothing is embedded"
            raise ResourceError(summary, attestation.message)
        self.provider, self.problem = session.provider, ""
        self._writer.put(
            partial(
                record_attestation,
                model=self._model,
                provider=session.provider,
                cosine=attestation.cosine,
                now=time.time(),
            )
        )
        log.info(
            "model_ready",
            model=self.bundle.name,
            provider=session.provider,
            cosine=round(attestation.cosine, 6),
            seconds=round(time.monotonic() - started, 3),
        )
        if session.warning:
            log.warning("model_provider", warning=session.warning)
        return session

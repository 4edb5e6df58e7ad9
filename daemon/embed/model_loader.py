"""Open the model and attest it, once there is something to embed. A model that fails stops embedding, nothing else."""

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

    from models.runtime.session_pool import ModelSession as Live
    from models.runtime.text_encoder import TextEncoder

log = structlog.get_logger()


class LoadedModel:
    """The session, opened when it is first needed. `problem`: why nothing is embedded, or ""."""

    def __init__(self, bundle: Bundle, config: Config, model: int, writer: Writer) -> None:
        self.bundle = bundle
        self._config = config
        self._settings = config.model
        self._model = model
        self._writer = writer
        self._lock = threading.Lock()
        self._session: Live | None = None
        self._words: TextEncoder | None = None
        self._used = 0.0
        self.problem = ""
        self.provider = ""
        self.cosine = 0.0

    def open(self) -> "Live":
        """The attested session. Raises PlaceFault, and says so in `problem`, where there is none to be had."""
        with self._lock:
            self._used = time.monotonic()
            if self._session is None:
                try:
                    self._session = self._start()
                except ResourceError as fault:
                    self.problem = f"{fault.problem}. {fault.remedy}"
                    raise
            return self._session

    def words(self, texts: list[str]) -> "np.ndarray":
        """Vectors of texts, float32 [N, dims]. The text model is loaded, and attested, for the first question.

        Raises PlaceFault for a bundle without one, or whose text model does not load or is not attested.
        """
        from models.bundle.folder import BundleError
        from models.runtime.text_attestation import open_text_encoder

        with self._lock:
            self._used = time.monotonic()
            try:
                self._words = self._words or open_text_encoder(self.bundle, threads=self._settings.threads)
            except BundleError as error:
                raise ResourceError(str(error), "See `catalog model list`.") from error
            words = self._words
        return words.encode(texts)

    @property
    def warning(self) -> str:
        """What the session says loudly; "" while none is loaded."""
        session = self._session
        return "" if session is None else session.warning

    def rest(self) -> None:
        """Let go of a session that nobody has used for `idle_minutes`; it comes back on demand, attested anew."""
        minutes = self._settings.idle_minutes
        with self._lock:
            idle = time.monotonic() - self._used
            if minutes and idle >= 60 * minutes and (self._session is not None or self._words is not None):
                self._session = self._words = None
                log.info("model_let_go", model=self.bundle.name, idle_minutes=round(idle / 60, 1))

    def _start(self) -> "Live":
        from models.runtime.attestation import attest

        started = time.monotonic()
        session = open_session(self.bundle, self._config)
        found = attest(self.bundle, session)
        if not found.ok:
            raise ResourceError("the model is not attested on this machine, so nothing is embedded", found.word)
        self.provider, self.cosine, self.problem = session.provider, found.cosine, ""
        self._writer.put(
            partial(
                record_attestation, model=self._model, provider=session.provider, cosine=found.cosine, now=time.time()
            )
        )
        log.info(
            "model_ready",
            model=self.bundle.name,
            provider=session.provider,
            cosine=round(found.cosine, 6),
            seconds=round(time.monotonic() - started, 3),
        )
        if session.warning:
            log.warning("model_provider", warning=session.warning)
        return session

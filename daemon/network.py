"""Open the model and attest it, once there is something to embed. A model that fails stops embedding, nothing else."""

import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import structlog

from catalog.config import ModelSettings
from catalog.faults import PlaceFault
from catalog.model_rows import attested
from daemon.write import Writer
from models.bundle import Bundle

if TYPE_CHECKING:
    import numpy as np

    from models.session import Session
    from models.text import TextEncoder

log = structlog.get_logger()


class Network:
    """The session, opened when it is first needed. `problem`: why nothing is embedded, or ""."""

    def __init__(self, bundle: Bundle, settings: ModelSettings, model: int, writer: Writer) -> None:
        self.bundle = bundle
        self._settings = settings
        self._model = model
        self._writer = writer
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._words: TextEncoder | None = None
        self.problem = ""
        self.warning = ""
        self.provider = ""
        self.cosine = 0.0

    def open(self) -> "Session":
        """The attested session. Raises PlaceFault, and says so in `problem`, where there is none to be had."""
        with self._lock:
            if self._session is None:
                try:
                    self._session = self._start()
                except PlaceFault as fault:
                    self.problem = f"{fault.problem}. {fault.remedy}"
                    raise
            return self._session

    def words(self, texts: list[str]) -> "np.ndarray":
        """Vectors of texts, float32 [N, dims]. The text model is loaded for the first question.

        Raises PlaceFault for a bundle without one, or whose text model does not load.
        """
        from models.bundle import BundleError
        from models.text import TextEncoder

        with self._lock:
            try:
                self._words = self._words or TextEncoder(self.bundle, threads=self._settings.threads)
            except BundleError as error:
                raise PlaceFault(str(error), "See `catalog model list`.") from error
        return self._words.encode(texts)

    def _start(self) -> "Session":
        from models.attest import attest
        from models.session import ProviderError, Session

        started = time.monotonic()
        try:
            session = Session(self.bundle, provider=self._settings.provider, threads=self._settings.threads)  # type: ignore[arg-type]
        except ProviderError as error:
            raise PlaceFault("the wanted provider cannot be had", str(error)) from error
        except Exception as error:
            raise PlaceFault(
                f"the model {self.bundle.name} cannot be loaded: {error}", "Reinstall its bundle."
            ) from error
        found = attest(self.bundle, session)
        if not found.ok:
            raise PlaceFault("the model is not attested on this machine, so nothing is embedded", found.word)
        self.provider, self.warning, self.cosine, self.problem = session.provider, session.warning, found.cosine, ""
        self._writer.put(
            partial(attested, model=self._model, provider=session.provider, cosine=found.cosine, now=time.time())
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

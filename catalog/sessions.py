"""Load a bundle's network as the configuration wants it."""

from typing import TYPE_CHECKING

from catalog.faults import PlaceFault
from catalog.settings import ModelSettings
from models.bundle import Bundle

if TYPE_CHECKING:
    from models.session import Session


def open_session(bundle: Bundle, settings: ModelSettings) -> "Session":
    """Raises PlaceFault for a provider that cannot be had and for a graph that does not load."""
    from models.session import ProviderError, Session

    try:
        return Session(
            bundle,
            provider=settings.provider,  # type: ignore[arg-type]
            threads=settings.threads,
            device=settings.device,
            memory_mb=settings.gpu_memory_mb,
        )
    except ProviderError as error:
        raise PlaceFault("the wanted provider cannot be had", str(error)) from error
    except Exception as error:
        raise PlaceFault(
            f"the model {bundle.name} cannot be loaded: {error}", "Reinstall it, or pull or export it again."
        ) from error

"""Load a bundle's network as the configuration wants it.

What runs the model, in words, and what of this machine would run it faster.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.config.load import Config
from catalog.errors import ResourceError
from catalog.state_dir import ENGINES
from models.bundle.folder import Bundle

if TYPE_CHECKING:
    from models.runtime.session import Session
    from models.runtime.session_pool import ModelSession


def provider_summary(session: "ModelSession") -> str:
    """The provider that the live session names, its GPUs, and its batches."""
    where = f" on GPU {', '.join(map(str, session.devices))}" if session.devices else ""
    return f"{session.provider}{where}, batches of {session.batch}"


def provider_advice(session: "ModelSession", provider: str, precision: str, present: Sequence[int]) -> str:
    """What to change, or "". Pure. `provider`: as configured; `present`: the GPUs that the kernel shows."""
    if session.warning:
        return session.warning
    if not session.devices:
        return 'a GPU stands idle: set `[model] provider = "auto"`' if present and provider == "cpu" else ""
    if len(present) > len(session.devices):
        every = ", ".join(map(str, range(len(present))))
        return f"{len(present)} GPUs are there, {len(session.devices)} in use: set `[model] devices = [{every}]`"
    if precision == "int8":
        return "an int8 bundle is made for CPUs, and parts of it run on one here: use an fp16 bundle"
    return "an fp16 bundle is faster on a GPU" if precision == "fp32" else ""


def open_session(bundle: Bundle, config: Config) -> "ModelSession":
    """One session, or one for each GPU of the configuration, seen as one.

    Raises PlaceFault for a provider that cannot be had and for a graph that does not load.
    """
    from models.runtime.session import ProviderError
    from models.runtime.session_pool import SessionPool

    try:
        first, *more = config.model.devices
        session = _open_one(bundle, config, first)
        if not session.devices or not more:  # a CPU is one device, however many GPUs were to be used
            return session
        return SessionPool([session, *(_open_one(bundle, config, device) for device in more)])
    except ProviderError as error:
        raise ResourceError("the wanted provider cannot be had", str(error)) from error
    except Exception as error:
        raise ResourceError(
            f"the model {bundle.name} cannot be loaded: {error}", "Reinstall it, or pull or export it again."
        ) from error


def _open_one(bundle: Bundle, config: Config, device: int) -> "Session":
    from models.runtime.session import Session

    settings = config.model
    return Session(
        bundle,
        provider=settings.provider,  # type: ignore[arg-type]
        threads=settings.threads,
        device=device,
        memory_mb=settings.gpu_memory_mb,
        batch=settings.batch,
        engines=_engine_folder(bundle, config) if settings.provider == "tensorrt" else None,
    )


def _engine_folder(bundle: Bundle, config: Config) -> Path:
    """A folder for each bundle: TensorRT tells engines apart by names in the graph, and exported graphs share those."""
    folder = config.state / ENGINES / bundle.id
    folder.mkdir(parents=True, exist_ok=True)
    return folder

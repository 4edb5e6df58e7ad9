"""Open a bundle's model as configured, describe the provider that runs it, and suggest a faster one."""

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
    """Return the session's provider, GPUs and batch size as text."""
    where = f" on GPU {', '.join(map(str, session.devices))}" if session.devices else ""
    return f"{session.provider}{where}, batches of {session.batch}"


def provider_advice(session: "ModelSession", provider: str, precision: str, present: Sequence[int]) -> str:
    """Return what to change, or "". Pure. `provider`: as configured; `present`: the GPUs that the kernel reports."""
    if session.warning:
        return session.warning
    if not session.devices:
        return 'a GPU is idle: set `[model] provider = "auto"`' if present and provider == "cpu" else ""
    if len(present) > len(session.devices):
        all_devices = ", ".join(map(str, range(len(present))))
        return f"{len(session.devices)} of {len(present)} GPUs in use: set `[model] devices = [{all_devices}]`"
    if precision == "int8":
        return "an int8 bundle is made for CPUs, and parts of it run on the CPU here: use an fp16 bundle"
    return "an fp16 bundle is faster on a GPU" if precision == "fp32" else ""


def open_session(bundle: Bundle, config: Config) -> "ModelSession":
    """Return a session for the bundle; with several configured GPUs, a pool with one session per GPU.

    Raises ResourceError if the execution provider is not available, or the graph does not load.
    """
    from models.runtime.session import ProviderError
    from models.runtime.session_pool import SessionPool

    try:
        first, *more = config.model.devices
        session = _open_one(bundle, config, first)
        if not session.devices or not more:  # the CPU is one device, whatever GPUs are configured
            return session
        return SessionPool([session, *(_open_one(bundle, config, device) for device in more)])
    except ProviderError as error:
        raise ResourceError("execution provider not available", str(error)) from error
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
    """Return this bundle's own folder: TensorRT keys engines by names in the graph, which exported graphs share."""
    folder = config.state / ENGINES / bundle.id
    folder.mkdir(parents=True, exist_ok=True)
    return folder

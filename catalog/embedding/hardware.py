"""What runs the model, in words, and what of this machine would run it faster."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.runtime.session_pool import Network


def running_on(session: "Network") -> str:
    """The provider that the live session names, its GPUs, and its batches."""
    where = f" on GPU {', '.join(map(str, session.devices))}" if session.devices else ""
    return f"{session.provider}{where}, batches of {session.batch}"


def advice(session: "Network", provider: str, precision: str, present: Sequence[int]) -> str:
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

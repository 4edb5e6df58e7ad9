"""What the running service answers over its socket."""

import base64
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from catalog.display import text
from catalog.faults import UsageFault

if TYPE_CHECKING:
    from daemon.service import Service

Operation = Callable[[dict[str, Any]], dict[str, Any]]
MOST = 10_000  # neighbours in one answer


def operations(service: "Service") -> Mapping[str, Operation]:
    """The list of all operations."""
    return {
        "status": lambda request: live_status(service),
        "similar": lambda request: similar(service, request),
        "embed": lambda request: embed(service, request),
    }


def live_status(service: "Service") -> dict[str, Any]:
    """What only the running service knows."""
    return {
        "index": {"size": service.index.size, "seq": service.index.seq, "lag": service.index.lag},
        "model": {
            "provider": service.network.provider,
            "warning": service.network.warning,
            "problem": service.network.problem,
        },
        "watch": {
            "directories": service.sentry.directories,
            "uncovered": [{"path": text(gap.path), "why": gap.word} for gap in service.sentry.gaps],
        },
        "scanning": text(service.scanner.scanning),
        "in_work": service.feed.out,
        "done": service.done,
    }


def similar(service: "Service", request: dict[str, Any]) -> dict[str, Any]:
    """`vector`: base64 of float32 [dims]; `k`. Answers `hits`: [content id, cosine], best first."""
    vector = _array(request, "vector", np.float32)
    dims = service.network.bundle.dims
    if vector.shape != (dims,):
        raise UsageFault(f"the vector has {vector.size} numbers, the model has {dims}", "Use the service's own model.")
    k = min(int(request.get("k", 10)), MOST)
    return {"hits": service.index.search(vector, k)}


def embed(service: "Service", request: dict[str, Any]) -> dict[str, Any]:
    """`pixels`: base64 of uint8 [height, width, 3] as the bundle wants them. Answers `vector`: base64 of float32.

    The asker decodes: a hostile file ends the asker, not the service.
    """
    recipe = service.network.bundle.recipe
    pixels = _array(request, "pixels", np.uint8)
    if pixels.size != recipe.height * recipe.width * 3:
        raise UsageFault("the pixels do not have the model's size", "Use the service's own model.")
    vector = service.network.open().run(pixels.reshape(1, recipe.height, recipe.width, 3))[0]
    return {"vector": base64.b64encode(vector.tobytes()).decode("ascii")}


def _array(request: dict[str, Any], key: str, kind: type) -> Any:
    try:
        return np.frombuffer(base64.b64decode(request[key], validate=True), kind)
    except (KeyError, ValueError, TypeError) as error:
        raise UsageFault(f"the request has no usable `{key}`", "Ask with the `catalog` command.") from error

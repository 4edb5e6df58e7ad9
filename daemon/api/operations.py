"""What the running service answers over its socket."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from catalog.client.protocol import (
    MOST_HITS,
    EmbedAnswer,
    ScrubAnswer,
    ScrubBegun,
    SimilarAnswer,
    StatusAnswer,
    WordsAnswer,
    decode_array,
    encode_array,
)
from catalog.errors import StoreError, UsageError
from catalog.similarity.index_tail import IndexAnswer
from daemon.embed.model_loader import LoadedModel

if TYPE_CHECKING:
    from daemon.scrub.stage import Scrubber

Operation = Callable[[dict[str, Any]], Mapping[str, Any]]
SearchFunction = Callable[
    [Any, int], IndexAnswer
]  # vector, k → (content id, cosine), best first, and the moment they hold for
MAX_SQLITE_INTEGER = (1 << 63) - 1  # SQLite's integers
CLIENT_REMEDY = "Ask with the `catalog` command."


def operation_table(
    search: SearchFunction,
    network: LoadedModel,
    status: Callable[[], StatusAnswer],
    reload: Callable[[], None],
    scrubber: "Scrubber",
) -> Mapping[str, Operation]:
    """The list of all operations."""
    return {
        "status": lambda request: status(),
        "similar": partial(search_by_vector, search, network),
        "embed": partial(embed_pixels, network),
        "words": partial(embed_texts, network),
        "reload": partial(_reload, reload),
        "scrub": partial(control_scrub, scrubber),
    }


def _reload(reload: Callable[[], None], request: dict[str, Any]) -> dict[str, Any]:
    """Read the configuration again, as after SIGHUP; what comes of it is in the log and in `status`."""
    reload()
    return {}


def search_by_vector(search: SearchFunction, network: LoadedModel, request: dict[str, Any]) -> SimilarAnswer:
    """`model`: its digest; `vector`: base64 of float32 [dims], unit length; `k`, from 1 to `MOST_HITS`.

    Answers `hits`: [content id, cosine], best first, k of them or all there are, as of the place `seq` of the change
    log on its branch `timeline`. Refuses while the index is too far behind to tell.
    """
    _require_model(network, request)
    vector = _array(request, "vector", np.float32)
    dims = network.bundle.dims
    if vector.shape != (dims,):
        raise UsageError(f"the vector has {vector.size} numbers, the model has {dims}", "Use the service's own model.")
    if not np.isfinite(vector).all():
        raise UsageError("the vector holds numbers that are not finite", "Ask with a vector of the model.")
    hits, seq, timeline = search(vector, _integer(request, "k", 1, MOST_HITS))
    return {"hits": hits, "seq": seq, "timeline": timeline}


def embed_pixels(network: LoadedModel, request: dict[str, Any]) -> EmbedAnswer:
    """`model`: its digest; `pixels`: base64 of uint8 [height, width, 3] as the bundle wants them.

    Answers `vector`: base64 of float32. The asker decodes: a hostile file ends the asker, not the service.
    """
    _require_model(network, request)
    recipe = network.bundle.recipe
    pixels = _array(request, "pixels", np.uint8)
    if pixels.size != recipe.height * recipe.width * 3:
        raise UsageError("the pixels do not have the model's size", "Use the service's own model.")
    vector = network.open().run(pixels.reshape(1, recipe.height, recipe.width, 3))[0]
    return {"vector": encode_array(vector)}


def control_scrub(scrubber: "Scrubber", request: dict[str, Any]) -> ScrubAnswer | ScrubBegun:
    """`begin`: true, with `limit` in bytes or null for tonight's; `cancel`: the id of a run; else how far it is."""
    if "cancel" in request:
        scrubber.cancel(_integer(request, "cancel", 0, MAX_SQLITE_INTEGER))
    if not request.get("begin"):
        return scrubber.progress()
    if scrubber.unavailable:
        raise StoreError("another pass works on this catalog", "Scrub once it has ended.")
    run, fresh = scrubber.request(
        None if request.get("limit") is None else _integer(request, "limit", 0, MAX_SQLITE_INTEGER)
    )
    return {"run": run._asdict(), "fresh": fresh}


def embed_texts(network: LoadedModel, request: dict[str, Any]) -> WordsAnswer:
    """`texts`: a list of strings. Answers `vectors`: base64 of float32 [N, dims], and the id of the `tower`."""
    texts = request.get("texts")
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise UsageError("the request has no usable `texts`", CLIENT_REMEDY)
    return {
        "vectors": encode_array(network.embed_texts(texts)),
        "tower": network.bundle.text and network.bundle.text.id,
    }


def _require_model(network: LoadedModel, request: dict[str, Any]) -> None:
    """Refuse another model: its vectors may have as many numbers and cannot be compared."""
    if request.get("model") != network.bundle.id:
        raise UsageError(
            f"the service answers for the model {network.bundle.name}", f"{CLIENT_REMEDY} It names the model."
        )


def _integer(request: dict[str, Any], key: str, least: int, most: int) -> int:
    value = request.get(key)
    if type(value) is not int or not least <= value <= most:  # `type`: true is no number
        raise UsageError(f"`{key}` is no whole number from {least} to {most}", CLIENT_REMEDY)
    return value


def _array(request: dict[str, Any], key: str, kind: type) -> Any:
    try:
        return decode_array(request.get(key), kind)
    except ValueError as error:
        raise UsageError(f"the request has no usable `{key}`", CLIENT_REMEDY) from error

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
from catalog.errors import StoreFault, UsageFault
from catalog.similarity.index_tail import Answer
from daemon.embed.model_loader import Network

if TYPE_CHECKING:
    from daemon.scrub.stage import Scrubber

Operation = Callable[[dict[str, Any]], Mapping[str, Any]]
Search = Callable[[Any, int], Answer]  # vector, k → (content id, cosine), best first, and the moment they hold for
LARGEST = (1 << 63) - 1  # SQLite's integers
ASK = "Ask with the `catalog` command."


def operations(
    search: Search,
    network: Network,
    status: Callable[[], StatusAnswer],
    reload: Callable[[], None],
    scrubber: "Scrubber",
) -> Mapping[str, Operation]:
    """The list of all operations."""
    return {
        "status": lambda request: status(),
        "similar": partial(similar, search, network),
        "embed": partial(embed, network),
        "words": partial(words, network),
        "reload": partial(_reload, reload),
        "scrub": partial(scrub, scrubber),
    }


def _reload(reload: Callable[[], None], request: dict[str, Any]) -> dict[str, Any]:
    """Read the configuration again, as after SIGHUP; what comes of it is in the log and in `status`."""
    reload()
    return {}


def similar(search: Search, network: Network, request: dict[str, Any]) -> SimilarAnswer:
    """`model`: its digest; `vector`: base64 of float32 [dims], unit length; `k`, from 1 to `MOST_HITS`.

    Answers `hits`: [content id, cosine], best first, k of them or all there are, as of the place `seq` of the change
    log on its branch `timeline`. Refuses while the index is too far behind to tell.
    """
    _expect_model(network, request)
    vector = _array(request, "vector", np.float32)
    dims = network.bundle.dims
    if vector.shape != (dims,):
        raise UsageFault(f"the vector has {vector.size} numbers, the model has {dims}", "Use the service's own model.")
    if not np.isfinite(vector).all():
        raise UsageFault("the vector holds numbers that are not finite", "Ask with a vector of the model.")
    hits, seq, timeline = search(vector, _whole(request, "k", 1, MOST_HITS))
    return {"hits": hits, "seq": seq, "timeline": timeline}


def embed(network: Network, request: dict[str, Any]) -> EmbedAnswer:
    """`model`: its digest; `pixels`: base64 of uint8 [height, width, 3] as the bundle wants them.

    Answers `vector`: base64 of float32. The asker decodes: a hostile file ends the asker, not the service.
    """
    _expect_model(network, request)
    recipe = network.bundle.recipe
    pixels = _array(request, "pixels", np.uint8)
    if pixels.size != recipe.height * recipe.width * 3:
        raise UsageFault("the pixels do not have the model's size", "Use the service's own model.")
    vector = network.open().run(pixels.reshape(1, recipe.height, recipe.width, 3))[0]
    return {"vector": encode_array(vector)}


def scrub(scrubber: "Scrubber", request: dict[str, Any]) -> ScrubAnswer | ScrubBegun:
    """`begin`: true, with `limit` in bytes or null for tonight's; `cancel`: the id of a run; else how far it is."""
    if "cancel" in request:
        scrubber.cancel(_whole(request, "cancel", 0, LARGEST))
    if not request.get("begin"):
        return scrubber.progress()
    if scrubber.closed:
        raise StoreFault("another pass works on this catalog", "Scrub once it has ended.")
    run, fresh = scrubber.request(None if request.get("limit") is None else _whole(request, "limit", 0, LARGEST))
    return {"run": run._asdict(), "fresh": fresh}


def words(network: Network, request: dict[str, Any]) -> WordsAnswer:
    """`texts`: a list of strings. Answers `vectors`: base64 of float32 [N, dims], and the id of the `tower`."""
    texts = request.get("texts")
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise UsageFault("the request has no usable `texts`", ASK)
    return {"vectors": encode_array(network.words(texts)), "tower": network.bundle.text and network.bundle.text.id}


def _expect_model(network: Network, request: dict[str, Any]) -> None:
    """Refuse another model: its vectors may have as many numbers and cannot be compared."""
    if request.get("model") != network.bundle.id:
        raise UsageFault(f"the service answers for the model {network.bundle.name}", f"{ASK} It names the model.")


def _whole(request: dict[str, Any], key: str, least: int, most: int) -> int:
    value = request.get(key)
    if type(value) is not int or not least <= value <= most:  # `type`: true is no number
        raise UsageFault(f"`{key}` is no whole number from {least} to {most}", ASK)
    return value


def _array(request: dict[str, Any], key: str, kind: type) -> Any:
    try:
        return decode_array(request.get(key), kind)
    except ValueError as error:
        raise UsageFault(f"the request has no usable `{key}`", ASK) from error

"""The operations that the running service offers over its socket."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from catalog.client.protocol import (
    EmbedAnswer,
    EmbedRequest,
    ScrubAnswer,
    ScrubBegun,
    ScrubRequest,
    SimilarAnswer,
    SimilarRequest,
    StatusAnswer,
    WordsAnswer,
    WordsRequest,
    encode_array,
)
from catalog.errors import StoreError, UsageError
from catalog.similarity.index_tail import IndexAnswer
from daemon.api.requests import (
    CLIENT_REMEDY,
    JsonObject,
    Operation,
    array_field,
    embed_request,
    scrub_request,
    similar_request,
    words_request,
)
from daemon.embed.model_loader import LoadedModel

if TYPE_CHECKING:
    from daemon.scrub.stage import Scrubber

SearchFunction = Callable[[Any, int], IndexAnswer]  # vector and k to the k nearest contents


def operation_table(
    search: SearchFunction,
    model: LoadedModel,
    status: Callable[[], StatusAnswer],
    request_reload: Callable[[], None],
    scrubber: "Scrubber",
) -> Mapping[str, Operation]:
    """Return the operations by the name that a request gives in `op`."""

    def reload(request: JsonObject) -> JsonObject:
        request_reload()
        return {}

    return {
        "status": lambda request: status(),
        "similar": lambda request: search_by_vector(search, model, similar_request(request)),
        "embed": lambda request: embed_pixels(model, embed_request(request)),
        "words": lambda request: embed_texts(model, words_request(request)),
        "reload": reload,
        "scrub": lambda request: control_scrub(scrubber, scrub_request(request)),
    }


def search_by_vector(search: SearchFunction, model: LoadedModel, request: SimilarRequest) -> SimilarAnswer:
    """Return the contents nearest to a vector.

    Raises:
        UsageError: the vector is not one of this model. StoreError: the index is too far behind.
    """
    _require_model(model, request["model"])
    vector = array_field("vector", request["vector"], np.float32)
    dims = model.bundle.dims
    if vector.shape != (dims,):
        raise UsageError(f"the vector has {vector.size} numbers, the model has {dims}", CLIENT_REMEDY)
    if not np.isfinite(vector).all():
        raise UsageError("the vector contains numbers that are not finite", CLIENT_REMEDY)
    hits, seq, timeline = search(vector, request["k"])
    return {"hits": hits, "seq": seq, "timeline": timeline}


def embed_pixels(model: LoadedModel, request: EmbedRequest) -> EmbedAnswer:
    """Return the vector of an image. The client decodes it: a hostile file can end the client, not the service."""
    _require_model(model, request["model"])
    recipe = model.bundle.recipe
    pixels = array_field("pixels", request["pixels"], np.uint8)
    if pixels.size != recipe.height * recipe.width * 3:
        raise UsageError("the image does not have the model's size", CLIENT_REMEDY)
    vector = model.open().run(pixels.reshape(1, recipe.height, recipe.width, 3))[0]
    return {"vector": encode_array(vector)}


def embed_texts(model: LoadedModel, request: WordsRequest) -> WordsAnswer:
    """Return vectors of texts, and the id of the text model that made them."""
    vectors = encode_array(model.embed_texts(request["texts"]))
    return {"vectors": vectors, "tower": model.bundle.text and model.bundle.text.id}


def control_scrub(scrubber: "Scrubber", request: ScrubRequest) -> ScrubAnswer | ScrubBegun:
    """Cancel a run, begin one, or return the progress."""
    if "cancel" in request:
        scrubber.cancel(request["cancel"])
    if not request.get("begin"):
        return scrubber.progress()
    if scrubber.unavailable:
        raise StoreError("another pass works on this catalog", "Scrub once it has ended.")
    run, fresh = scrubber.request(request.get("limit"))
    return {"run": run._asdict(), "fresh": fresh}


def _require_model(model: LoadedModel, digest: str) -> None:
    """Refuse another model: its vectors may have the same length, but they cannot be compared."""
    if digest != model.bundle.id:
        raise UsageError(f"the service answers for the model {model.bundle.name}", CLIENT_REMEDY)

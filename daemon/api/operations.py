"""The operations that the running service offers over its socket."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from catalog.client.protocol import (
    MAX_HITS,
    EmbedAnswer,
    ScrubAnswer,
    ScrubBegun,
    SimilarAnswer,
    StatusAnswer,
    WordsAnswer,
    encode_array,
)
from catalog.errors import StoreError, UsageError
from catalog.similarity.index_tail import IndexAnswer
from daemon.api.requests import (
    CLIENT_REMEDY,
    MAX_SQLITE_INTEGER,
    JsonObject,
    Operation,
    array_field,
    integer_field,
    text_field,
    texts_field,
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
        "similar": lambda request: search_by_vector(search, model, request),
        "embed": lambda request: embed_pixels(model, request),
        "words": lambda request: embed_texts(model, request),
        "reload": reload,
        "scrub": lambda request: control_scrub(scrubber, request),
    }


def search_by_vector(search: SearchFunction, model: LoadedModel, request: JsonObject) -> SimilarAnswer:
    """Return the contents nearest to a vector. Raises UsageError for an unusable one, StoreError if the index lags."""
    encoded, k = text_field(request, "vector"), integer_field(request, "k", 1, MAX_HITS)
    _require_model(model, request)
    vector = array_field("vector", encoded, np.float32)
    dims = model.bundle.dims
    if vector.shape != (dims,):
        raise UsageError(f"the vector has {vector.size} numbers, the model has {dims}", CLIENT_REMEDY)
    if not np.isfinite(vector).all():
        raise UsageError("the vector contains numbers that are not finite", CLIENT_REMEDY)
    hits, seq, timeline = search(vector, k)
    return {"hits": hits, "seq": seq, "timeline": timeline}


def embed_pixels(model: LoadedModel, request: JsonObject) -> EmbedAnswer:
    """Return the vector of an image. The client decodes it: a hostile file can end the client, not the service."""
    encoded, recipe = text_field(request, "pixels"), model.bundle.recipe
    _require_model(model, request)
    pixels = array_field("pixels", encoded, np.uint8)
    if pixels.size != recipe.height * recipe.width * 3:
        raise UsageError("the image does not have the model's size", CLIENT_REMEDY)
    vector = model.open().run(pixels.reshape(1, recipe.height, recipe.width, 3))[0]
    return {"vector": encode_array(vector)}


def embed_texts(model: LoadedModel, request: JsonObject) -> WordsAnswer:
    """Return vectors of texts, and the id of the text model that made them."""
    vectors = encode_array(model.embed_texts(texts_field(request, "texts")))
    return {"vectors": vectors, "tower": model.bundle.text and model.bundle.text.id}


def control_scrub(scrubber: "Scrubber", request: JsonObject) -> ScrubAnswer | ScrubBegun:
    """Cancel a run, begin one, or return the progress."""
    begin, limit = request.get("begin"), None
    run = integer_field(request, "cancel", 0, MAX_SQLITE_INTEGER) if "cancel" in request else None
    if begin and request.get("limit") is not None:
        limit = integer_field(request, "limit", 0, MAX_SQLITE_INTEGER)
    if run is not None:
        scrubber.cancel(run)
    if not begin:
        return scrubber.progress()
    if scrubber.unavailable:
        raise StoreError("another pass works on this catalog", "Scrub once it has ended.")
    begun, fresh = scrubber.request(limit)
    return {"run": begun._asdict(), "fresh": fresh}


def _require_model(model: LoadedModel, request: JsonObject) -> None:
    """Refuse another model: its vectors may have the same length, but they cannot be compared."""
    if str(request.get("model")) != model.bundle.id:
        raise UsageError(f"the service answers for the model {model.bundle.name}", CLIENT_REMEDY)

"""Validation of requests: from the JSON that a client sent to the typed requests of the protocol."""

from collections.abc import Callable, Mapping
from typing import Any

from catalog.client.protocol import (
    MAX_HITS,
    EmbedRequest,
    ScrubRequest,
    SimilarRequest,
    WordsRequest,
    decode_array,
)
from catalog.errors import UsageError

JsonObject = dict[str, Any]
Operation = Callable[[JsonObject], Mapping[str, Any]]  # from an unchecked request to an answer
MAX_SQLITE_INTEGER = (1 << 63) - 1
CLIENT_REMEDY = "Use the `catalog` command."


def similar_request(request: JsonObject) -> SimilarRequest:
    """Check a search. Raises UsageError, as all of these do."""
    return {
        "op": "similar",
        "model": str(request.get("model")),
        "vector": _text(request, "vector"),
        "k": _integer(request, "k", 1, MAX_HITS),
    }


def embed_request(request: JsonObject) -> EmbedRequest:
    """Check a request to embed an image."""
    return {"op": "embed", "model": str(request.get("model")), "pixels": _text(request, "pixels")}


def words_request(request: JsonObject) -> WordsRequest:
    """Check a request to embed texts."""
    texts = request.get("texts")
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise _unusable("texts")
    return {"op": "words", "texts": texts}


def scrub_request(request: JsonObject) -> ScrubRequest:
    """Check a request to begin, cancel or follow a scrub."""
    checked: ScrubRequest = {"op": "scrub"}
    if "cancel" in request:
        checked["cancel"] = _integer(request, "cancel", 0, MAX_SQLITE_INTEGER)
    if request.get("begin"):
        checked["begin"] = True
        limit = request.get("limit")
        checked["limit"] = None if limit is None else _integer(request, "limit", 0, MAX_SQLITE_INTEGER)
    return checked


def array_field(key: str, text: str, kind: type) -> Any:
    """Decode the field `key` to a flat array. Raises UsageError for anything but base64 of whole elements."""
    try:
        return decode_array(text, kind)
    except ValueError as error:
        raise _unusable(key) from error


def _text(request: JsonObject, key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str):
        raise _unusable(key)
    return value


def _integer(request: JsonObject, key: str, lowest: int, highest: int) -> int:
    value = request.get(key)
    if type(value) is not int or not lowest <= value <= highest:  # not isinstance: true is an int
        raise UsageError(f"`{key}` is not a whole number from {lowest} to {highest}", CLIENT_REMEDY)
    return value


def _unusable(key: str) -> UsageError:
    return UsageError(f"the request has no usable `{key}`", CLIENT_REMEDY)

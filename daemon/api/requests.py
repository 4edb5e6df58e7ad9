"""Validation of the fields of a request, whose JSON a client sent. Raises UsageError for each that is unusable."""

from collections.abc import Callable, Mapping
from typing import Any

from catalog.client.protocol import decode_array
from catalog.errors import UsageError

JsonObject = dict[str, Any]
Operation = Callable[[JsonObject], Mapping[str, Any]]  # from an unchecked request to an answer
MAX_SQLITE_INTEGER = (1 << 63) - 1
CLIENT_REMEDY = "Use the `catalog` command."


def texts_field(request: JsonObject, key: str) -> list[str]:
    """Return the field `key`, a list of at least one string."""
    texts = request.get(key)
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise _unusable(key)
    return texts


def array_field(key: str, text: str, kind: type) -> Any:
    """Decode the field `key` to a flat array. Raises UsageError for anything but base64 of whole elements."""
    try:
        return decode_array(text, kind)
    except ValueError as error:
        raise _unusable(key) from error


def text_field(request: JsonObject, key: str) -> str:
    """Return the field `key`, a string."""
    value = request.get(key)
    if not isinstance(value, str):
        raise _unusable(key)
    return value


def integer_field(request: JsonObject, key: str, lowest: int, highest: int) -> int:
    """Return the field `key`, a whole number from `lowest` to `highest`."""
    value = request.get(key)
    if type(value) is not int or not lowest <= value <= highest:  # not isinstance: true is an int
        raise UsageError(f"`{key}` is not a whole number from {lowest} to {highest}", CLIENT_REMEDY)
    return value


def _unusable(key: str) -> UsageError:
    return UsageError(f"the request has no usable `{key}`", CLIENT_REMEDY)

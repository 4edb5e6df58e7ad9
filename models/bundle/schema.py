"""Checks of a bundle's description and files: required and known keys, their types and choices, digests."""

import hashlib
import json
from pathlib import Path
from typing import Any

REMEDY = "reinstall it, or choose another with `catalog model use`"

KeyType = type | tuple[type, ...]
KeyTypes = dict[str, KeyType]


class BundleError(Exception):
    """An unusable bundle; the message names the file, the fault and the remedy."""


def read_json_object(path: Path, remedy: str = REMEDY) -> dict[str, Any]:
    """Return the JSON object in a file. Raises BundleError if there is none."""
    try:
        description = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{path} is missing: {remedy}") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read ({error}): {remedy}") from error
    if not isinstance(description, dict):
        raise BundleError(f"{path} is not a JSON object: {remedy}")
    return description


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_keys(context: str, description: dict[str, Any], required: KeyTypes, optional: KeyTypes | None = None) -> None:
    """Raise BundleError for a missing or unknown key, or a value of another type; an int is accepted as a float."""
    known = required | (optional or {})
    if missing := sorted(required.keys() - description.keys()):
        raise BundleError(f"{context}: missing {', '.join(missing)}; add them or export the model again")
    if unknown := sorted(description.keys() - known.keys()):
        raise BundleError(
            f"{context}: unknown {', '.join(unknown)}; remove them, or upgrade catalogd if the model is newer"
        )
    for key in known.keys() & description.keys():
        expected = known[key]
        types = expected if isinstance(expected, tuple) else (expected,)
        if type(description[key]) not in types and not (float in types and type(description[key]) is int):
            names = " or ".join("null" if one is type(None) else one.__name__ for one in types)
            raise BundleError(f"{context}: {key} must be {names}, not {description[key]!r}; correct it")


def check_choice(context: str, key: str, value: object, choices: tuple[object, ...]) -> None:
    """Raise BundleError for a value that is not one of the choices."""
    if value not in choices:
        raise BundleError(f"{context}: {key} {value!r} is not one of {', '.join(map(str, choices))}; correct it")


def check_digest(path: Path, expected: str) -> None:
    """Raise BundleError for a file that is missing, unreadable, or has another SHA-256 than expected."""
    try:
        actual = sha256_of(path)
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror}): {REMEDY}") from error
    if actual != expected:
        raise BundleError(f"{path} was altered or cut (sha256 {actual[:12]}…, expected {expected[:12]}…): {REMEDY}")


def check_golden_present(path: Path, part: str) -> None:
    """Raise BundleError if a file of the goldens is missing."""
    if not path.is_file():
        raise BundleError(f"{path} is missing, so {part} cannot be attested: {REMEDY}")

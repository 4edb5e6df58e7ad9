"""What a bundle's description must hold: each key of its kind, each file of its digest, nothing that is unknown."""

import hashlib
import json
from pathlib import Path
from typing import Any

REMEDY = "reinstall it, or choose another with `catalog model use`"

KeyType = type | tuple[type, ...]
KeyTypes = dict[str, KeyType]


class BundleError(Exception):
    """A bundle that cannot be used; the message says which file, what is wrong with it, and what to do."""


def read_json_object(path: Path, remedy: str = REMEDY) -> dict[str, Any]:
    """The JSON object in a file. Raises BundleError where there is none."""
    try:
        said = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{path} is missing: {remedy}") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read ({error}): {remedy}") from error
    if not isinstance(said, dict):
        raise BundleError(f"{path} is not a JSON object: {remedy}")
    return said


def sha256_of(path: Path) -> str:
    """In hexadecimal digits. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_keys(where: str, said: dict[str, Any], needed: KeyTypes, optional: KeyTypes | None = None) -> None:
    """Raises BundleError for a missing or unknown key, or one of another kind. A whole number is a float, too."""
    known = needed | (optional or {})
    if missing := sorted(needed.keys() - said.keys()):
        raise BundleError(f"{where}: missing {', '.join(missing)}; add them or export the model again")
    if unknown := sorted(said.keys() - known.keys()):
        raise BundleError(
            f"{where}: unknown {', '.join(unknown)}; remove them, or upgrade catalogd if the model is newer"
        )
    for key in known.keys() & said.keys():
        kind = known[key]
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if type(said[key]) not in kinds and not (float in kinds and type(said[key]) is int):
            names = " or ".join("null" if one is type(None) else one.__name__ for one in kinds)
            raise BundleError(f"{where}: {key} must be {names}, not {said[key]!r}; correct it")


def check_choice(where: str, what: str, value: object, choices: tuple[object, ...]) -> None:
    """Raises BundleError for a value that is none of the choices."""
    if value not in choices:
        raise BundleError(f"{where}: {what} {value!r} is not one of {', '.join(map(str, choices))}; correct it")


def check_digest(path: Path, expected: str) -> None:
    """Raises BundleError for a file that is absent, unreadable, or not the one whose SHA-256 is expected."""
    try:
        actual = sha256_of(path)
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror}): {REMEDY}") from error
    if actual != expected:
        raise BundleError(f"{path} was altered or cut (sha256 {actual[:12]}…, expected {expected[:12]}…): {REMEDY}")


def check_golden_present(path: Path, what: str) -> None:
    """Raises BundleError for a file of the goldens that is not there."""
    if not path.is_file():
        raise BundleError(f"{path} is missing, so {what} cannot be attested: {REMEDY}")

"""List, describe and remove model bundles, and report the progress of the next model.

Bundles are the embedded one, those in the state directory, and those that made vectors of this catalog.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.client.protocol import StatusAnswer
from catalog.config.load import Config
from catalog.embedding.selection import DEFAULT_BUNDLE, bundle_folder
from catalog.errors import UsageError, resource_errors
from catalog.state_dir import ENGINES, MODELS
from catalog.store.database import Database
from catalog.store.models import count_live_vectors, current_model, next_model
from models.bundle.folder import Bundle, BundleError, load_bundle

if TYPE_CHECKING:
    from catalog.json_types.status import NextModelJson

# Libraries that affect the pixels of an image.
PIXEL_LIBRARIES = ("numpy", "pillow", "simplejpeg", "deflate", "pillow-heif")
VECTORS_PER_TRANSACTION = 10_000  # deleted per transaction, which blocks the service's writer


@dataclass(frozen=True, slots=True)
class ListedBundle:
    """A bundle under its name. `problem`: why it cannot be opened, in which case `bundle` is None."""

    name: str
    folder: Path
    bundle: Bundle | None
    problem: str
    role: str | None
    vectors: int


def list_bundles(config: Config, database: Database) -> list[ListedBundle]:
    """Return all known bundles, the embedded one first; models whose bundle is missing come last."""
    rows = {
        digest: (name, role, folder, vectors)
        for digest, name, role, folder, vectors in database.rows(
            "SELECT m.digest, m.name, m.role, m.folder, count(v.id) FROM model m"
            " LEFT JOIN vector v ON v.model = m.id AND v.live = 1 GROUP BY m.id"
        )
    }
    found = []
    for name in _bundle_names(config, [folder for _, _, folder, _ in rows.values() if folder]):
        folder = bundle_folder(name, config.state)
        bundle, problem = _try_load(folder)
        _, role, _, vectors = rows.pop(bundle.id, (None, None, None, 0)) if bundle else (None, None, None, 0)
        found.append(ListedBundle(name, folder, bundle, problem, role, vectors))
    missing = [
        ListedBundle(name, Path(folder or "-"), None, "its bundle is missing", role, vectors)
        for name, role, folder, vectors in rows.values()
        if vectors or role
    ]
    return found + missing


def _bundle_names(config: Config, folders: list[str]) -> Iterator[str]:
    yield DEFAULT_BUNDLE
    store = config.state / MODELS
    pulled = sorted(path.name for path in store.iterdir() if (path / "bundle.json").exists()) if store.is_dir() else []
    yield from pulled
    known = {bundle_folder(name, config.state) for name in (DEFAULT_BUNDLE, *pulled)}
    for name in dict.fromkeys((config.model.bundle, *folders)):
        folder = bundle_folder(name, config.state)
        if folder not in known:
            known.add(folder)
            yield name


def _try_load(folder: Path) -> tuple[Bundle | None, str]:
    try:
        return load_bundle(folder), ""
    except BundleError as error:
        return None, str(error)


def drop_vectors(database: Database, digest: str) -> tuple[int, int]:
    """Delete the vectors of a model that is neither current nor next; return how many were deleted and how many kept.

    Raises UsageError if the model is in use.
    """
    from catalog.store.models import count_retained_vectors, delete_name_vectors, delete_vectors

    row = database.row("SELECT id, role FROM model WHERE digest = ?", digest)
    if row is None:
        return 0, 0
    model, role = row
    if role is not None:
        raise UsageError(f"this is the {role} model", "Choose another one first: `catalog model use NAME`.")
    with database.transaction():
        delete_name_vectors(database, model)
    dropped = 0
    while True:
        with database.transaction():
            count = delete_vectors(database, model, VECTORS_PER_TRANSACTION)
        dropped += count
        if count < VECTORS_PER_TRANSACTION:
            return dropped, count_retained_vectors(database, model)


def remove_bundle(config: Config, name: str) -> bool:
    """Delete a bundle if it was pulled into the state directory; others are the owner's. Return whether it was."""
    folder = bundle_folder(name, config.state)
    if folder.parent != config.state / MODELS or not folder.is_dir():
        return False
    with resource_errors(f"cannot remove {folder}", "Check the permissions of the folder."):
        shutil.rmtree(folder)
    return True


def remove_engines(config: Config, digest: str) -> None:
    """Delete the TensorRT engines of a model; they are built again on demand."""
    shutil.rmtree(config.state / ENGINES / digest, ignore_errors=True)


def describe_bundle(bundle: Bundle) -> dict[str, Any]:
    """Return everything that determines a vector: the bundle's description, its digest, and library versions here."""
    import json
    import platform
    from importlib.metadata import PackageNotFoundError, version

    def installed(name: str) -> str | None:
        try:
            return version(name)
        except PackageNotFoundError:
            return None

    description: dict[str, Any] = json.loads((bundle.folder / "bundle.json").read_text("utf-8"))
    names = ("catalogd", "onnxruntime-gpu", "onnxruntime", "tokenizers", *PIXEL_LIBRARIES)
    versions = {name: found for name in names if (found := installed(name))}
    return {
        "id": bundle.id,
        "folder": str(bundle.folder),
        **description,
        "runs_with": {"python": platform.python_version(), **versions},
    }


def next_model_progress(database: Database, live: StatusAnswer | None) -> "NextModelJson | None":
    """Return the progress of the next model, or None without one: as the service reports it, else counted."""
    if live is not None and live["next"]:
        return live["next"]
    model, current = next_model(database), current_model(database)
    if model is None or current is None:
        return None
    done, total = (count_live_vectors(database, counted.id) for counted in (model, current))
    return {
        "id": model.digest,
        "name": model.name,
        "done": done,
        "total": max(done, total),
        "seconds_left": None,
        "problem": "",
    }


def next_model_summary(progress: "NextModelJson") -> str:
    """Return the progress of the next model as a line of text."""
    percent = 100 * progress["done"] / progress["total"] if progress["total"] else 100.0
    seconds_left = progress["seconds_left"]
    time_left = "" if seconds_left is None else f", about {_duration(seconds_left)} left"
    return f"{progress['name']} {progress['id']}: {percent:.1f} % embedded{time_left}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

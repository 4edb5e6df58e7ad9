"""The bundles that can be had here: the embedded one, those in the state directory, and those that made vectors.

How far the next model is: told by the service that prepares it, else counted.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.client.protocol import StatusAnswer
from catalog.config.load import Config
from catalog.embedding.selection import DEFAULT_BUNDLE, bundle_folder
from catalog.errors import ResourceError, UsageError
from catalog.state_dir import ENGINES, MODELS
from catalog.store.database import Database
from catalog.store.models import current_model, next_model
from models.bundle.folder import Bundle, BundleError, load_bundle

PIXEL_LIBRARIES = ("numpy", "pillow", "simplejpeg", "deflate", "pillow-heif")  # what makes them
VECTORS_PER_TRANSACTION = 10_000  # vectors that are deleted in one transaction: the writer of the service waits for it


@dataclass(frozen=True, slots=True)
class ListedBundle:
    """A bundle by the name under which it can be used. `problem`: why it cannot be opened; then `bundle` is None."""

    name: str
    folder: Path
    bundle: Bundle | None
    problem: str
    role: str | None
    vectors: int


def list_bundles(config: Config, database: Database) -> list[ListedBundle]:
    """The embedded bundle first, then by name."""
    rows = {
        digest: (name, role, folder, vectors)
        for digest, name, role, folder, vectors in database.rows(
            "SELECT m.digest, m.name, m.role, m.folder, count(v.id) FROM model m"
            " LEFT JOIN vector v ON v.model = m.id AND v.live = 1 GROUP BY m.id"
        )
    }
    found = []
    for name in _bundle_names(config, [row[2] for row in rows.values() if row[2]]):
        folder = bundle_folder(name, config.state)
        bundle, problem = _try_load(folder)
        _, role, _, vectors = rows.pop(bundle.id, (None, None, None, 0)) if bundle else (None, None, None, 0)
        found.append(ListedBundle(name, folder, bundle, problem, role, vectors))
    lost = [
        ListedBundle(name, Path(folder or "-"), None, "its bundle is not here any more", role, vectors)
        for name, role, folder, vectors in rows.values()
        if vectors or role
    ]
    return found + lost


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
    """Delete the vectors of a model that neither answers nor is being prepared; returns how many, and how many stay."""
    from catalog.store.models import count_retained_vectors, delete_name_vectors, delete_vectors

    row = database.row("SELECT id, role FROM model WHERE digest = ?", digest)
    if row is None:
        return 0, 0
    if row[1] is not None:
        raise UsageError(f"this model is {row[1]}", "Take another one first: `catalog model use NAME`.")
    with database.transaction():
        delete_name_vectors(database, row[0])
    dropped = 0
    while True:
        with database.transaction():
            count = delete_vectors(database, row[0], VECTORS_PER_TRANSACTION)
        dropped += count
        if count < VECTORS_PER_TRANSACTION:
            return dropped, count_retained_vectors(database, row[0])


def remove_bundle(config: Config, name: str) -> bool:
    """Delete a bundle that was pulled into the state directory; whether there was one. Others are the owner's."""
    folder = bundle_folder(name, config.state)
    if folder.parent != config.state / MODELS or not folder.is_dir():
        return False
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise ResourceError(f"cannot remove {folder}: {error.strerror}", "Mend its permissions.") from error
    return True


def remove_engines(config: Config, digest: str) -> None:
    """Delete what TensorRT has built for a model; it builds that again on demand."""
    shutil.rmtree(config.state / ENGINES / digest, ignore_errors=True)


def describe_bundle(bundle: Bundle) -> dict[str, Any]:
    """All that makes a vector, for `catalog model show`: what the bundle says, its digest, and this machine's part."""
    import json
    import platform
    from importlib.metadata import PackageNotFoundError, version

    def installed(name: str) -> str | None:
        try:
            return version(name)
        except PackageNotFoundError:
            return None

    said: dict[str, Any] = json.loads((bundle.folder / "bundle.json").read_text("utf-8"))
    names = ("catalogd", "onnxruntime-gpu", "onnxruntime", "tokenizers", *PIXEL_LIBRARIES)
    runs = {name: found for name in names if (found := installed(name))}
    return {
        "id": bundle.id,
        "folder": str(bundle.folder),
        **said,
        "runs_with": {"python": platform.python_version(), **runs},
    }


LIVE_COUNT_SQL = "SELECT count(*) FROM vector WHERE model = ? AND live = 1"


def next_model_progress(database: Database, live: StatusAnswer | None) -> dict[str, Any] | None:
    """`id`, `name`, `done` and `total` contents, `seconds_left` (None: unknown), `problem`; None without a next one."""
    if live is not None and live["next"]:
        told: dict[str, Any] = live["next"]
        return told
    model, held = next_model(database), current_model(database)
    if model is None or held is None:
        return None
    done, total = (int(database.value(LIVE_COUNT_SQL, one.id)) for one in (model, held))
    return {
        "id": model.digest,
        "name": model.name,
        "done": done,
        "total": max(done, total),
        "seconds_left": None,
        "problem": "",
    }


def next_model_summary(following: dict[str, Any]) -> str:
    """One line for people."""
    share = 100 * following["done"] / following["total"] if following["total"] else 100.0
    left = following["seconds_left"]
    time = "" if left is None else f", about {_duration(left)} left"
    return f"{following['name']} {following['id']}: {share:.1f} % embedded{time}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

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
from catalog.embedding.selection import DEFAULT, bundle_folder
from catalog.errors import PlaceFault, UsageFault
from catalog.state_dir import ENGINES, MODELS
from catalog.store.database import Database
from catalog.store.models import current, following
from models.bundle.folder import Bundle, BundleError, load_bundle

PIXELS = ("numpy", "pillow", "simplejpeg", "deflate", "pillow-heif")  # what makes them
PIECE = 10_000  # vectors that are deleted in one transaction: the writer of the service waits for it


@dataclass(frozen=True, slots=True)
class Held:
    """A bundle by the name under which it can be used. `problem`: why it cannot be opened; then `bundle` is None."""

    name: str
    folder: Path
    bundle: Bundle | None
    problem: str
    role: str | None
    vectors: int


def held(config: Config, database: Database) -> list[Held]:
    """The embedded bundle first, then by name."""
    rows = {
        digest: (name, role, folder, vectors)
        for digest, name, role, folder, vectors in database.rows(
            "SELECT m.digest, m.name, m.role, m.folder, count(v.id) FROM model m"
            " LEFT JOIN vector v ON v.model = m.id AND v.live = 1 GROUP BY m.id"
        )
    }
    found = []
    for name in _names(config, [row[2] for row in rows.values() if row[2]]):
        folder = bundle_folder(name, config.state)
        bundle, problem = _open(folder)
        _, role, _, vectors = rows.pop(bundle.id, (None, None, None, 0)) if bundle else (None, None, None, 0)
        found.append(Held(name, folder, bundle, problem, role, vectors))
    lost = [
        Held(name, Path(folder or "-"), None, "its bundle is not here any more", role, vectors)
        for name, role, folder, vectors in rows.values()
        if vectors or role
    ]
    return found + lost


def _names(config: Config, folders: list[str]) -> Iterator[str]:
    yield DEFAULT
    store = config.state / MODELS
    pulled = sorted(path.name for path in store.iterdir() if (path / "bundle.json").exists()) if store.is_dir() else []
    yield from pulled
    known = {bundle_folder(name, config.state) for name in (DEFAULT, *pulled)}
    for name in dict.fromkeys((config.model.bundle, *folders)):
        folder = bundle_folder(name, config.state)
        if folder not in known:
            known.add(folder)
            yield name


def _open(folder: Path) -> tuple[Bundle | None, str]:
    try:
        return load_bundle(folder), ""
    except BundleError as error:
        return None, str(error)


def drop_vectors(database: Database, digest: str) -> tuple[int, int]:
    """Delete the vectors of a model that neither answers nor is being prepared; returns how many, and how many stay."""
    from catalog.store.models import drop, drop_wordings, irreplaceable

    row = database.row("SELECT id, role FROM model WHERE digest = ?", digest)
    if row is None:
        return 0, 0
    if row[1] is not None:
        raise UsageFault(f"this model is {row[1]}", "Take another one first: `catalog model use NAME`.")
    with database.transaction():
        drop_wordings(database, row[0])
    dropped = 0
    while True:
        with database.transaction():
            count = drop(database, row[0], PIECE)
        dropped += count
        if count < PIECE:
            return dropped, irreplaceable(database, row[0])


def remove_bundle(config: Config, name: str) -> bool:
    """Delete a bundle that was pulled into the state directory; whether there was one. Others are the owner's."""
    folder = bundle_folder(name, config.state)
    if folder.parent != config.state / MODELS or not folder.is_dir():
        return False
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise PlaceFault(f"cannot remove {folder}: {error.strerror}", "Mend its permissions.") from error
    return True


def remove_engines(config: Config, digest: str) -> None:
    """Delete what TensorRT has built for a model; it builds that again on demand."""
    shutil.rmtree(config.state / ENGINES / digest, ignore_errors=True)


def description(bundle: Bundle) -> dict[str, Any]:
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
    names = ("catalogd", "onnxruntime-gpu", "onnxruntime", "tokenizers", *PIXELS)
    runs = {name: found for name in names if (found := installed(name))}
    return {
        "id": bundle.id,
        "folder": str(bundle.folder),
        **said,
        "runs_with": {"python": platform.python_version(), **runs},
    }


LIVE = "SELECT count(*) FROM vector WHERE model = ? AND live = 1"


def switching(database: Database, live: StatusAnswer | None) -> dict[str, Any] | None:
    """`id`, `name`, `done` and `total` contents, `seconds_left` (None: unknown), `problem`; None without a next one."""
    if live is not None and live["next"]:
        told: dict[str, Any] = live["next"]
        return told
    model, held = following(database), current(database)
    if model is None or held is None:
        return None
    done, total = (int(database.value(LIVE, one.id)) for one in (model, held))
    return {
        "id": model.digest,
        "name": model.name,
        "done": done,
        "total": max(done, total),
        "seconds_left": None,
        "problem": "",
    }


def told(following: dict[str, Any]) -> str:
    """One line for people."""
    share = 100 * following["done"] / following["total"] if following["total"] else 100.0
    left = following["seconds_left"]
    time = "" if left is None else f", about {_span(left)} left"
    return f"{following['name']} {following['id']}: {share:.1f} % embedded{time}"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

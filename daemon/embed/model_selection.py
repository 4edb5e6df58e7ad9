"""Choose the current model and the next one, from the configured bundle and the models in the catalog."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from catalog.config.load import Config
from catalog.embedding.selection import bundle_folder, configured_bundle, open_bundle
from catalog.errors import ResourceError
from catalog.store.database import Database
from catalog.store.models import Model, current_model, set_current_model, set_next_model
from models.bundle.folder import Bundle

log = structlog.get_logger()
CommitFunction = Callable[[Callable[[Database], Any]], Any]


class ModelSelection(NamedTuple):
    """The current model's bundle and row id, and those of the next model, if there is one.

    `error`: why the configured bundle is not used. The old model stays the current one meanwhile.
    """

    bundle: Bundle
    model: int
    next_model: tuple[Bundle, int] | None = None
    error: ResourceError | None = None

    @property
    def problem(self) -> str:
        """The error as text, or ""."""
        return "" if self.error is None else f"{self.error.problem}. {self.error.remedy}"


def select_model(config: Config, commit: CommitFunction) -> ModelSelection:
    """Open the configured bundle and store its role: the next model, if an older model still answers.

    It becomes the current model at once if the old one has no vectors or can no longer be opened.

    Raises ResourceError if the configured bundle cannot be opened, and no older model can take its place.
    """
    current = commit(current_model)
    try:
        configured = configured_bundle(config)
    except ResourceError as error:
        replaced = current is not None and current.folder != str(bundle_folder(config.model.bundle, config.state))
        old = _usable_old_bundle(current, commit) if current is not None and replaced else None
        if current is None or old is None:
            raise
        log.error("next_model_unusable", problem=error.problem, remedy=error.remedy)
        return ModelSelection(old, current.id, error=error)
    unchanged = current is None or current.digest == configured.id
    old = None if unchanged else _usable_old_bundle(current, commit)
    if current is None or old is None:
        return ModelSelection(configured, int(commit(partial(_store_role, configured, set_current_model))))
    return ModelSelection(old, current.id, (configured, int(commit(partial(_store_role, configured, set_next_model)))))


def _store_role(bundle: Bundle, set_role: Callable[..., int], database: Database) -> int:
    return set_role(database, bundle.id, bundle.name, bundle.dims, time.time(), str(bundle.folder))


def _usable_old_bundle(model: Model, commit: CommitFunction) -> Bundle | None:
    """Return the bundle of the current model, if that has vectors and its folder still holds the same bundle."""
    if model.folder is None or not commit(partial(_has_vectors, model=model.id)):
        return None
    try:
        old = open_bundle(Path(model.folder))
    except ResourceError as error:
        log.warning("old_model_lost", model=model.name, problem=error.problem)
        return None
    if old.id != model.digest:
        log.warning("old_model_lost", model=model.name, problem=f"{model.folder} now contains another bundle")
        return None
    return old


def _has_vectors(database: Database, model: int) -> bool:
    return bool(database.value("SELECT EXISTS (SELECT 1 FROM vector WHERE model = ? AND live = 1)", model))

"""Which model answers and which one is being prepared: the configuration says what is wanted, the catalog what is."""

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
    """The bundle that answers with its row, and the bundle that is to follow it with its row, if any."""

    bundle: Bundle
    model: int
    following: tuple[Bundle, int] | None = None
    fault: ResourceError | None = None  # why the wanted bundle is not used, while the old one goes on answering

    @property
    def problem(self) -> str:
        """The same in words, or ""."""
        return "" if self.fault is None else f"{self.fault.problem}. {self.fault.remedy}"


def select_model(config: Config, ask: CommitFunction) -> ModelSelection:
    """Read the wanted bundle and write down its role. Raises PlaceFault where it cannot be read.

    Another model than before takes its place at once where the old one has no vectors, or cannot be opened any more.
    """
    held = ask(current_model)
    try:
        wanted = configured_bundle(config)
    except ResourceError as fault:
        elsewhere = held is not None and held.folder != str(bundle_folder(config.model.bundle, config.state))
        old = _usable_old_bundle(held, ask) if held is not None and elsewhere else None
        if held is None or old is None:
            raise
        log.error("next_model_unusable", problem=fault.problem, remedy=fault.remedy)
        return ModelSelection(old, held.id, fault=fault)
    old = None if held is None or held.digest == wanted.id else _usable_old_bundle(held, ask)
    if held is None or old is None:
        return ModelSelection(wanted, int(ask(partial(_register_with_role, wanted, set_current_model))))
    return ModelSelection(old, held.id, (wanted, int(ask(partial(_register_with_role, wanted, set_next_model)))))


def _register_with_role(bundle: Bundle, role: Callable[..., int], database: Database) -> int:
    return role(database, bundle.id, bundle.name, bundle.dims, time.time(), str(bundle.folder))


def _usable_old_bundle(held: Model, ask: CommitFunction) -> Bundle | None:
    if held.folder is None or not ask(partial(_has_vectors, model=held.id)):
        return None
    try:
        old = open_bundle(Path(held.folder))
    except ResourceError as fault:
        log.warning("old_model_lost", model=held.name, problem=fault.problem)
        return None
    if old.id != held.digest:
        log.warning("old_model_lost", model=held.name, problem=f"{held.folder} holds another bundle now")
        return None
    return old


def _has_vectors(database: Database, model: int) -> bool:
    return bool(database.value("SELECT EXISTS (SELECT 1 FROM vector WHERE model = ? AND live = 1)", model))

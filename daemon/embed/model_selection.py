"""Which model answers and which one is being prepared: the configuration says what is wanted, the catalog what is."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from catalog.config.load import Config
from catalog.embedding.selection import bundle_folder, find_bundle, open_bundle
from catalog.errors import PlaceFault
from catalog.store.database import Database
from catalog.store.models import Model, current, prepare, register
from models.bundle.folder import Bundle

log = structlog.get_logger()
Ask = Callable[[Callable[[Database], Any]], Any]


class Choice(NamedTuple):
    """The bundle that answers with its row, and the bundle that is to follow it with its row, if any."""

    bundle: Bundle
    model: int
    following: tuple[Bundle, int] | None = None
    fault: PlaceFault | None = None  # why the wanted bundle is not used, while the old one goes on answering

    @property
    def problem(self) -> str:
        """The same in words, or ""."""
        return "" if self.fault is None else f"{self.fault.problem}. {self.fault.remedy}"


def choose(config: Config, ask: Ask) -> Choice:
    """Read the wanted bundle and write down its role. Raises PlaceFault where it cannot be read.

    Another model than before takes its place at once where the old one has no vectors, or cannot be opened any more.
    """
    held = ask(current)
    try:
        wanted = find_bundle(config)
    except PlaceFault as fault:
        elsewhere = held is not None and held.folder != str(bundle_folder(config.model.bundle, config.state))
        old = _old(held, ask) if held is not None and elsewhere else None
        if held is None or old is None:
            raise
        log.error("next_model_unusable", problem=fault.problem, remedy=fault.remedy)
        return Choice(old, held.id, fault=fault)
    old = None if held is None or held.digest == wanted.id else _old(held, ask)
    if held is None or old is None:
        return Choice(wanted, int(ask(partial(_enter, wanted, register))))
    return Choice(old, held.id, (wanted, int(ask(partial(_enter, wanted, prepare)))))


def _enter(bundle: Bundle, role: Callable[..., int], database: Database) -> int:
    return role(database, bundle.id, bundle.name, bundle.dims, time.time(), str(bundle.folder))


def _old(held: Model, ask: Ask) -> Bundle | None:
    if held.folder is None or not ask(partial(_embedded, model=held.id)):
        return None
    try:
        old = open_bundle(Path(held.folder))
    except PlaceFault as fault:
        log.warning("old_model_lost", model=held.name, problem=fault.problem)
        return None
    if old.id != held.digest:
        log.warning("old_model_lost", model=held.name, problem=f"{held.folder} holds another bundle now")
        return None
    return old


def _embedded(database: Database, model: int) -> bool:
    return bool(database.value("SELECT EXISTS (SELECT 1 FROM vector WHERE model = ? AND live = 1)", model))

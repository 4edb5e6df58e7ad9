"""Collect what `catalog status` shows. It stays light: no numpy, no model, a few indexed reads."""

import time
from typing import TYPE_CHECKING, cast

from catalog.backup.create import backup_status
from catalog.client.health import ServiceHealth, service_health
from catalog.client.protocol import NO_MODEL_STATE, StatusAnswer
from catalog.context import CatalogContext
from catalog.embedding.inventory import next_model_progress
from catalog.embedding.selection import bundle_folder
from catalog.files.ignored import count_ignored
from catalog.files.queries import count_suspects
from catalog.formatting import path_text
from catalog.heads.retraining import head_status
from catalog.integrity.coverage import verification_coverage
from catalog.integrity.damage import count_damaged
from catalog.integrity.rejected import damage_rates
from catalog.integrity.scrub_runs import bytes_read_since, last_scrub_time, night_start
from catalog.similarity.index_file import read_header
from catalog.store.change_log import last_seq
from catalog.store.database import Database
from catalog.store.models import Model, count_live_vectors, current_model, next_model
from catalog.store.roots import same_marker_paths
from catalog.store.volumes import SHOWN_STATE_SQL, Volume, all_volumes

if TYPE_CHECKING:
    from catalog.json_types.status import (
        CurrentModelJson,
        FileCountsJson,
        IndexJson,
        RootJson,
        ScrubStatusJson,
        ServiceJson,
        StatusJson,
    )

DAMAGE_DAYS = 7  # older alarms are dropped: if nobody has reacted within a week, nobody will


def collect_status(context: CatalogContext) -> "StatusJson":
    """Return the object that `status --json` prints."""
    database, state, now = context.database, context.config.state, time.time()
    limit = context.config.alarm.damaged_percent
    with database.snapshot():
        files, reasons = _file_counts(database)
        current, following = current_model(database), next_model(database)
        vectors = count_live_vectors(database, current.id) if current else 0
        seq = last_seq(database, current.id) if current else 0
        volumes = [volume for volume in all_volumes(database) if not volume.dropped]
        same_marker = same_marker_paths(volumes)
        damage = [rate.record(limit) for rate in damage_rates(database, now, DAMAGE_DAYS)]
        rot, suspect = count_damaged(database), count_suspects(database)
    health = service_health(state, now)
    live = health.live
    return {
        "files": files,
        "suspect": suspect,
        "reasons": reasons,
        "vectors": vectors,
        "index": live["index"] if live else _saved_index(context, current.digest if current else "", seq),
        "model": {
            **_current_model(current, live),
            "next": next_model_progress(database, live),
            "wanted": _unprepared_bundle(context, current, following),
        },
        "head": head_status(database, live),
        "roots": [_root(volume, same_marker) for volume in volumes if volume.kind == "root" or volume.away],
        "daemon": _service(health),
        "watch": live["watch"] if live else None,
        "verified": verification_coverage(database, context.config.scrub.days, now),
        "scrub": _scrub(database, live),
        "backup": backup_status(database, state, context.config.backup, now),
        "damage": damage,
        "rot": rot,
    }


def _file_counts(database: Database) -> "tuple[FileCountsJson, dict[str, int]]":
    """Return the number of files by the state that is shown, and of reachable rejected files by reason."""
    ignored = count_ignored(database)
    states = {
        "ok": 0,
        "rejected": 0,
        "pending": 0,
        "gone": -ignored,
        "unreachable": 0,
        "dropped": 0,
        "ignored": ignored,
    }
    reasons: dict[str, int] = {}
    for state, reason, away, files in database.rows(
        f"SELECT {SHOWN_STATE_SQL.replace('f.state', 't.state')}, t.reason, v.away IS NOT NULL, sum(t.files)"
        " FROM tally t JOIN volume v ON v.id = t.volume"
        " WHERE t.files > 0 GROUP BY 1, 2, 3"
    ):
        states[state] += files
        if state == "rejected" and not away:
            reasons[reason] = reasons.get(reason, 0) + files
    return cast("FileCountsJson", {"total": sum(states.values()), **states}), reasons


def _saved_index(context: CatalogContext, digest: str, seq: int) -> "IndexJson":
    header = read_header(context.config.state, digest) if digest else None
    applied = header.seq if header else 0
    return {"size": header.count if header else 0, "seq": applied, "lag": max(0, seq - applied)}


def _current_model(model: Model | None, live: StatusAnswer | None) -> "CurrentModelJson":
    if model is None:
        return {"id": None, "name": None, "provider": None, "cosine": None, "warning": "", "problem": ""}
    state = live["model"] if live else NO_MODEL_STATE
    return {
        "id": model.digest,
        "name": model.name,
        "provider": state["provider"] or model.provider or None,
        "cosine": model.cosine or None,
        "warning": state["warning"],
        "problem": state["problem"],
    }


def _unprepared_bundle(context: CatalogContext, current: Model | None, following: Model | None) -> str | None:
    """Return the configured bundle if it is neither in use nor next, by folder: reading it would hash its weights."""
    bundle = context.config.model.bundle
    folders = {model.folder for model in (current, following) if model is not None}
    return None if not folders or str(bundle_folder(bundle, context.config.state)) in folders else bundle


def _root(volume: Volume, same_marker: dict[bytes, bytes]) -> "RootJson":
    return {
        "path": path_text(volume.path),
        "kind": volume.kind,
        "state": "unreachable" if volume.away else "present",
        "reason": volume.away,
        "held": volume.held,
        "since": volume.since,
        "same_marker": path_text(same_marker[volume.path]) if volume.path in same_marker else None,
    }


def _service(health: ServiceHealth) -> "ServiceJson":
    known: ServiceJson = {"running": health.running, "problem": health.problem, "remedy": health.remedy}
    if health.live is not None:
        known["scanning"] = health.live["scanning"]
        known["in_work"], known["done"] = health.live["in_work"], health.live["done"]
    return known


def _scrub(database: Database, live: StatusAnswer | None) -> "ScrubStatusJson":
    """`bytes_today`: read since noon, when the night's budget starts."""
    return {
        "running": bool(live and live["scrub"]["running"]),
        "last_at": last_scrub_time(database),
        "bytes_today": bytes_read_since(database, night_start(time.time())),
    }

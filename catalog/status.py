"""How the collection stands: the figures of `status`. Light: no numpy, no model, a few indexed reads."""

import time
from typing import Any

from catalog.backup.create import backup_status
from catalog.client.process import service_running
from catalog.client.protocol import NO_MODEL_STATE, StatusAnswer
from catalog.client.service import ServiceClient
from catalog.context import CatalogContext
from catalog.embedding.inventory import next_model_progress
from catalog.embedding.selection import bundle_folder
from catalog.files.queries import count_suspects
from catalog.formatting import path_text
from catalog.heads.retraining import head_status
from catalog.integrity.coverage import verification_coverage
from catalog.integrity.damage import count_damaged as rot
from catalog.integrity.rejected import damage_rates
from catalog.integrity.scrub_runs import bytes_read_since, last_scrub_time, night_start
from catalog.similarity.index_file import read_header
from catalog.store.database import Database
from catalog.store.models import Model, current_model, next_model
from catalog.store.volumes import all_volumes

DAMAGE_DAYS = 7  # an alarm that nobody heeds within a week is no alarm any more
STATES = ("ok", "rejected", "pending", "gone", "unreachable")


def collect_status(asking: CatalogContext) -> dict[str, Any]:
    """The object that `status --json` promises."""
    database, state = asking.database, asking.config.state
    with database.snapshot():
        files, reasons = _file_counts(database)
        model, after = current_model(database), next_model(database)
        vectors, seq = _vectors(database, model.id if model else None)
        away = {volume.path: volume.away for volume in all_volumes(database) if volume.away}
        damage = [
            rate.record(asking.config.alarm.damaged_percent)
            for rate in damage_rates(database, time.time(), DAMAGE_DAYS)
        ]
        rotten, doubtful = rot(database), count_suspects(database)
        listed = [volume for volume in all_volumes(database) if volume.kind == "root" or volume.away]
    live = ServiceClient(state).status() if service_running(state) else None
    return {
        "files": files,
        "suspect": doubtful,
        "reasons": reasons,
        "vectors": vectors,
        "index": live["index"] if live else _index(asking, model.digest if model else "", seq),
        "model": _model(model, live)
        | {"next": next_model_progress(database, live), "wanted": _unprepared_bundle(asking, model, after)},
        "head": head_status(database, live),
        "roots": [
            {
                "path": path_text(v.path),
                "kind": v.kind,
                "state": "unreachable" if v.path in away else "present",
                "reason": v.away,
                "held": v.held,
                "since": v.since,
            }
            for v in listed
        ],
        "daemon": {"running": service_running(state), **_work_in_progress(live)},
        "watch": live["watch"] if live else None,
        "verified": verification_coverage(database, asking.config.scrub.days, time.time()),
        "scrub": _scrub(database, live),
        "backup": backup_status(database, state, asking.config.backup, time.time()),
        "damage": damage,
        "rot": rotten,
    }


def _file_counts(database: Database) -> tuple[dict[str, int], dict[str, int]]:
    """Counts by state, those of absent volumes as unreachable; and rejected files by reason."""
    counts = dict.fromkeys(STATES, 0)
    reasons: dict[str, int] = {}
    for state, reason, away, files in database.rows(
        "SELECT t.state, t.reason, v.away IS NOT NULL, sum(t.files) FROM tally t JOIN volume v ON v.id = t.volume"
        " WHERE t.files > 0 GROUP BY 1, 2, 3"
    ):
        counts["unreachable" if away and state != "gone" else state] += files
        if state == "rejected" and not away:
            reasons[reason] = reasons.get(reason, 0) + files
    return {"total": sum(counts.values()), **counts}, reasons


def _vectors(database: Database, model: int | None) -> tuple[int, int]:
    """Live vectors of the model in use, and the place its change log has reached."""
    if model is None:
        return 0, 0
    return (
        int(database.value("SELECT count(*) FROM vector WHERE model = ? AND live = 1", model)),
        int(database.value("SELECT coalesce(max(seq), 0) FROM vector WHERE model = ?", model)),
    )


def _index(asking: CatalogContext, digest: str, seq: int) -> dict[str, int]:
    header = read_header(asking.config.state, digest) if digest else None
    reached = header.seq if header else 0
    return {"size": header.count if header else 0, "seq": reached, "lag": max(0, seq - reached)}


def _model(model: Model | None, live: StatusAnswer | None) -> dict[str, Any]:
    if model is None:
        return {"id": None, "name": None, "provider": None, "cosine": None, "warning": "", "problem": ""}
    said = live["model"] if live else NO_MODEL_STATE
    return {
        "id": model.digest,
        "name": model.name,
        "provider": said["provider"] or model.provider or None,
        "cosine": model.cosine or None,
        "warning": said["warning"],
        "problem": said["problem"],
    }


def _unprepared_bundle(asking: CatalogContext, model: Model | None, after: Model | None) -> str | None:
    """The bundle of the configuration, where it neither answers nor is being prepared. Told by its folder: to read the
    bundle itself is to hash its weights.
    """
    wanted = asking.config.model.bundle
    taken = {one.folder for one in (model, after) if one is not None}
    return None if not taken or str(bundle_folder(wanted, asking.config.state)) in taken else wanted


def _scrub(database: Database, live: StatusAnswer | None) -> dict[str, Any]:
    """`bytes_today`: read since the last noon, when the night's budget began."""
    running = bool(live and live["scrub"]["running"])
    return {
        "running": running,
        "last_at": last_scrub_time(database),
        "bytes_today": bytes_read_since(database, night_start(time.time())),
    }


def _work_in_progress(live: StatusAnswer | None) -> dict[str, Any]:
    return {key: live[key] for key in ("scanning", "in_work", "done")} if live else {}

"""How the collection stands: the figures of `status`. Light: no numpy, no model, a few indexed reads."""

import time
from typing import Any

from catalog.backup.create import backup_standing
from catalog.client.process import running
from catalog.client.protocol import NO_MODEL_STATE, StatusAnswer
from catalog.client.service import ServiceClient
from catalog.context import Asking
from catalog.embedding.inventory import switching
from catalog.embedding.selection import bundle_folder
from catalog.files.queries import suspects
from catalog.formatting import text
from catalog.heads.retraining import head_standing
from catalog.integrity.coverage import coverage
from catalog.integrity.damage import count as rot
from catalog.integrity.rejected import rates
from catalog.integrity.scrub_runs import last, night, spent
from catalog.similarity.index_file import read_header
from catalog.store.database import Database
from catalog.store.models import Model, current, following
from catalog.store.volumes import volumes

DAMAGE_DAYS = 7  # an alarm that nobody heeds within a week is no alarm any more
STATES = ("ok", "rejected", "pending", "gone", "unreachable")


def standing(asking: Asking) -> dict[str, Any]:
    """The object that `status --json` promises."""
    database, state = asking.database, asking.config.state
    with database.snapshot():
        files, reasons = _files(database)
        model, after = current(database), following(database)
        vectors, seq = _vectors(database, model.id if model else None)
        away = {volume.path: volume.away for volume in volumes(database) if volume.away}
        damage = [
            rate.record(asking.config.alarm.damaged_percent) for rate in rates(database, time.time(), DAMAGE_DAYS)
        ]
        rotten, doubtful = rot(database), suspects(database)
        listed = [volume for volume in volumes(database) if volume.kind == "root" or volume.away]
    live = ServiceClient(state).status() if running(state) else None
    return {
        "files": files,
        "suspect": doubtful,
        "reasons": reasons,
        "vectors": vectors,
        "index": live["index"] if live else _index(asking, model.digest if model else "", seq),
        "model": _model(model, live) | {"next": switching(database, live), "wanted": _wanted(asking, model, after)},
        "head": head_standing(database, live),
        "roots": [
            {
                "path": text(v.path),
                "kind": v.kind,
                "state": "unreachable" if v.path in away else "present",
                "reason": v.away,
                "held": v.held,
                "since": v.since,
            }
            for v in listed
        ],
        "daemon": {"running": running(state), **_work(live)},
        "watch": live["watch"] if live else None,
        "verified": coverage(database, asking.config.scrub.days, time.time()),
        "scrub": _scrub(database, live),
        "backup": backup_standing(database, state, asking.config.backup, time.time()),
        "damage": damage,
        "rot": rotten,
    }


def _files(database: Database) -> tuple[dict[str, int], dict[str, int]]:
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


def _index(asking: Asking, digest: str, seq: int) -> dict[str, int]:
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


def _wanted(asking: Asking, model: Model | None, after: Model | None) -> str | None:
    """The bundle of the configuration, where it neither answers nor is being prepared. Told by its folder: to read the
    bundle itself is to hash its weights.
    """
    wanted = asking.config.model.bundle
    taken = {one.folder for one in (model, after) if one is not None}
    return None if not taken or str(bundle_folder(wanted, asking.config.state)) in taken else wanted


def _scrub(database: Database, live: StatusAnswer | None) -> dict[str, Any]:
    """`bytes_today`: read since the last noon, when the night's budget began."""
    running = bool(live and live["scrub"]["running"])
    return {"running": running, "last_at": last(database), "bytes_today": spent(database, night(time.time()))}


def _work(live: StatusAnswer | None) -> dict[str, Any]:
    return {key: live[key] for key in ("scanning", "in_work", "done")} if live else {}

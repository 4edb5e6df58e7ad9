"""How far the next model is: told by the service that prepares it, else counted."""

from typing import Any

from catalog.store.database import Database
from catalog.store.models import current, following

LIVE = "SELECT count(*) FROM vector WHERE model = ? AND live = 1"


def switching(database: Database, live: dict[str, Any] | None) -> dict[str, Any] | None:
    """`id`, `name`, `done` and `total` contents, `seconds_left` (None: unknown), `problem`; None without a next one."""
    if live is not None and live.get("next"):
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

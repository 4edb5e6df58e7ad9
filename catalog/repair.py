"""Repair what is derived. What a file is, what it was and what its owner said are never touched."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from catalog.check_row import Finding
from catalog.check_store import bad_vectors
from catalog.config import Config
from catalog.db import Database
from catalog.display import show
from catalog.results import note
from catalog.running import alone
from catalog.sightings import Seen, miss, see
from catalog.signature import kind, look, signature
from catalog.snapshot import forget
from catalog.tree import directory_id, recount, split, volume_of
from catalog.volume_brake import brake
from catalog.volume_rows import remedy_of
from models.reason import Reason

READ_AGAIN = ("unread", "unembedded", "content", "kind", "changed", "unknown")


def repair(config: Config, findings: list[Finding]) -> list[str]:
    """What was done, a line each. A running service owns the catalog: it is told to scan instead."""
    with alone(config.state) as owned:
        if not owned:
            return [_tell(config.state)]
        database = Database(config.database, write=True)
        try:
            with database.transaction():
                done = list(_acts(config, database, findings, time.time()))
                for line in done:
                    note(database, time.time(), "repaired", detail=line)
        finally:
            database.close()
    return done


def _tell(state: Path) -> str:
    try:
        owner = int((state / "lock").read_text("ascii"))
        os.kill(owner, signal.SIGHUP)
    except (OSError, ValueError):
        return "a service works on this catalog and could not be told to scan: run `systemctl reload catalogd`"
    return f"told the running service (pid {owner}) to scan everything now"


def _acts(config: Config, database: Database, findings: list[Finding], now: float) -> Iterator[str]:
    kinds = {finding.kind for finding in findings}
    paths = [finding for finding in findings if finding.path is not None]
    if "placed" in kinds:
        yield _replace(database, [finding.path for finding in paths if finding.kind == "placed"])
    if "vector" in kinds:
        yield _drop_vectors(database, now)
    read = sum(_read_again(database, f.path, now) for f in paths if f.kind in READ_AGAIN and f.path is not None)
    if read:
        yield f"{read} files are to be read: `catalogd --once`, or start the service"
    missing = [f.path for f in paths if f.kind == "missing" and f.path is not None]
    for volume in brake(database, missing, config.alarm.missing_percent, now):
        yield f"{show(volume.path)} is held: too much of it is missing. {remedy_of(volume.kind, True)}"
    gone = sum(miss(database, path, now) for path in missing)
    if gone:
        yield f"{gone} files are gone"
    if "refs" in kinds:
        yield f"counted anew how many files hold each content: {_refer(database)} were wrong"
    if kinds & {"live", "clock", "refs"}:
        yield f"which vectors live follows from it: {_enliven(database)} were wrong"
    if kinds & {"tally", "placed"}:
        recount(database)
        yield "counted the files anew"
    if kinds & {"index", "vector"}:
        yield f"removed {forget(config.state)} snapshots: the index is built anew at the next start"


def _replace(database: Database, paths: list[bytes | None]) -> str:
    for path in paths:
        if path is not None and (volume := volume_of(database, path)) is not None:
            database.run("UPDATE directory SET volume = ? WHERE path = ?", volume, path)
    return f"gave {len(paths)} directories back to their volume"


def _read_again(database: Database, path: bytes, now: float) -> bool:
    found = look(path)
    if found is None:
        return False
    what = kind(found)
    reason = {"symlink": Reason.SYMLINK, "special": Reason.SPECIAL}.get(what)
    if see(database, Seen(path, signature(found), now, reason), now):
        return True
    where, name = split(path)
    return reason is None and bool(
        database.run(
            "UPDATE file SET state = 'pending', reason = NULL, detail = NULL, attempts = 0, due = ?"
            " WHERE directory = ? AND name = ? AND state != 'gone'",
            *(now, directory_id(database, where), name),
        )
    )


def _refer(database: Database) -> int:
    count = "(SELECT count(*) FROM file f WHERE f.content = content.id AND f.state != 'gone')"
    return database.run(f"UPDATE content SET refs = {count} WHERE refs != {count}")


def _enliven(database: Database) -> int:
    database.run("UPDATE clock SET seq = 1 + max(seq, coalesce((SELECT max(seq) FROM vector), 0))")
    refs = "(SELECT refs > 0 FROM content c WHERE c.id = vector.content)"
    return database.run(f"UPDATE vector SET live = {refs}, seq = (SELECT seq FROM clock) WHERE live != {refs}")


def _drop_vectors(database: Database, now: float) -> str:
    """A vector is what the model makes of the bytes: without it the file is read again."""
    bad = {vector for vector, _ in bad_vectors(database, 1)}
    for vector in bad:
        database.run(
            "UPDATE file SET state = 'pending', due = ? WHERE state = 'ok'"
            " AND content = (SELECT content FROM vector WHERE id = ?)",
            *(now, vector),
        )
        database.run("DELETE FROM vector WHERE id = ?", vector)
    return f"dropped {len(bad)} bad vectors; their files are read again"

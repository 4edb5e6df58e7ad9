"""Repair what is derived. What a file is, what it was and what its owner said are never touched."""

import hashlib
import os
import signal
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from catalog.choices.labels import reconcile_with_journal
from catalog.client.process import service_lock
from catalog.config.load import Config
from catalog.errors import StoreError
from catalog.files.history import add_history_row
from catalog.files.mass_deletion import hold_volumes
from catalog.files.observe import Sighting, record_missing_path, record_sighting
from catalog.filesystem.mounts import read_mounts
from catalog.filesystem.paths import split_path
from catalog.filesystem.stat_signature import Signature, file_kind, lstat_or_none, signature_of
from catalog.filesystem.volume_identity import observe_volume
from catalog.formatting import printable_path
from catalog.integrity.check_row import CheckFinding
from catalog.integrity.check_store import bad_vectors
from catalog.integrity.dangling_rows import repair_dangling_rows
from catalog.similarity.index_file import remove_all_snapshots
from catalog.state_dir import LOCK
from catalog.store.database import Database
from catalog.store.directories import directory_id, innermost_volume, rebuild_tally
from catalog.store.events import record_event
from catalog.store.migrations import RECOVER_REMEDY
from catalog.store.volumes import adopt_volume, all_volumes, block_directory, update_volume, volume_remedy
from catalog.verdict.case import Verdict, VerdictKind
from models.decode.reason import RejectReason

REREAD_KINDS = ("unread", "unembedded", "content", "kind", "changed", "unknown")


def repair_catalog(config: Config, findings: list[CheckFinding]) -> list[str]:
    """What was done, a line each. A running service owns the catalog: it is told to scan instead.

    Raises:
        StoreError: the database itself is damaged.
    """
    if any(finding.kind == "sqlite" for finding in findings):
        raise StoreError(
            "the database itself is damaged: nothing was changed", RECOVER_REMEDY
        )  # writing would spread it
    with service_lock(config.state) as owned:
        if not owned:
            return [_request_scan(config.state)]
        database = Database(config.database, write=True)
        try:
            with database.transaction():
                done = list(_repair_all(config, database, findings, time.time()))
                for line in done:
                    record_event(database, time.time(), "repaired", detail=line)
        finally:
            database.close()
    return done


def _request_scan(state: Path) -> str:
    try:
        owner = int((state / LOCK).read_text("ascii"))
        os.kill(owner, signal.SIGHUP)
    except (OSError, ValueError):
        return "a service works on this catalog and could not be told to scan: run `systemctl reload catalogd`"
    return f"told the running service (pid {owner}) to scan everything now"


def _repair_all(config: Config, database: Database, findings: list[CheckFinding], now: float) -> Iterator[str]:
    paths: dict[str, list[bytes]] = {finding.kind: [] for finding in findings}
    for finding in findings:
        if finding.path is not None:
            paths[finding.kind].append(finding.path)
    yield from _repair_structure(config, database, paths, now)
    yield from _repair_files(config, database, paths, now)
    yield from _rebuild_derived(config, database, paths.keys())
    if "journal" in paths or "reference" in paths:
        told = reconcile_with_journal(database, config.state)
        into_catalog, into_journal = len(told.missing_in_table), len(told.missing_in_journal)
        yield f"choices brought together: {into_catalog} into the catalog, {into_journal} into the journal"


def _repair_structure(config: Config, database: Database, paths: dict[str, list[bytes]], now: float) -> Iterator[str]:
    """Where files hang: volumes, directories, and rows that hang on nothing."""
    if "volume" in paths:
        yield f"looked at the volumes anew: {_update_volumes(config, database, now)} are away"
    if "reference" in paths:
        yield f"mended {repair_dangling_rows(database, now)} rows that named what is not there"
    if "placed" in paths:
        yield _reassign_directories(database, paths["placed"])
    for path in paths.get("unreadable", ()):
        block_directory(database, path, "cannot be listed", now)
        yield f"{printable_path(path)} counts as away until it can be listed: let this user read it"


def _repair_files(config: Config, database: Database, paths: dict[str, list[bytes]], now: float) -> Iterator[str]:
    """Files one by one: read again, gone, or noted."""
    if "vector" in paths:
        yield _delete_bad_vectors(database, now)
    for path in paths.get("content", ()):
        _correct_content_size(database, path)
    noted = {path for path in paths.get("history", ()) if _append_history(database, path, now)}
    if noted:
        yield f"noted in the history of {len(noted)} files what they hold"
    again = {path for word in (*REREAD_KINDS, "history") for path in paths.get(word, ())} - noted
    read = sum(_queue_reread(database, path, now) for path in sorted(again))
    if read:
        yield f"{read} files are to be read: `catalogd --once`, or start the service"
    missing = paths.get("missing", [])
    for volume in hold_volumes(database, missing, config.alarm.missing_percent, now):
        yield f"{printable_path(volume.path)} is held: too much of it is missing. {volume_remedy(volume.kind, True)}"
    gone = sum(record_missing_path(database, path, now) for path in missing)
    if gone:
        yield f"{gone} files are gone"


def _rebuild_derived(config: Config, database: Database, kinds: Collection[str]) -> Iterator[str]:
    """What follows from other rows."""
    orphans = "reference" in kinds
    if orphans or "refs" in kinds:
        yield f"counted anew how many files hold each content: {_recount_refs(database)} were wrong"
    if orphans or {"live", "clock", "refs"} & set(kinds):
        yield f"which vectors live follows from it: {_recompute_live(database)} were wrong"
    if orphans or {"tally", "placed"} & set(kinds):
        rebuild_tally(database)
        yield "counted the files anew"
    if orphans or {"index", "vector"} & set(kinds):
        yield f"removed {remove_all_snapshots(config.state)} snapshots: the index is built anew at the next start"


def _update_volumes(config: Config, database: Database, now: float) -> int:
    """What the service does at its start; returns how many volumes of the configuration are away."""
    mounts = read_mounts()
    known = {volume.path for volume in all_volumes(database) if volume.kind == "root"}
    for root in config.roots:
        if root not in known:
            adopt_volume(database, root, "root", observe_volume(root, mounts), now)
    for volume in all_volumes(database):
        if volume.kind == "mount" or (volume.kind == "root" and volume.path in config.roots):
            update_volume(database, volume, observe_volume(volume.path, mounts), now)
    return sum(volume.away is not None for volume in all_volumes(database) if volume.path in config.roots)


def _correct_content_size(database: Database, path: bytes) -> None:
    """A content is as long as the files that hold it, if they agree; if they do not, their reading tells."""
    where, name = split_path(path)
    content = database.value(
        "SELECT f.content FROM file f JOIN directory d ON d.id = f.directory WHERE d.path = ? AND f.name = ?",
        *(where, name),
    )
    sizes = database.rows("SELECT DISTINCT size FROM file WHERE content = ? AND state = 'ok'", content)
    if len(sizes) == 1:
        database.run("UPDATE content SET bytes = ? WHERE id = ?", sizes[0][0], content)


def _append_history(database: Database, path: bytes, now: float) -> bool:
    """The row and its history differ, and the bytes decide: left to a judge, the difference might pass for rot."""
    row = database.row(
        "SELECT c.sha256, f.id, f.content, f.size, f.mtime_ns, f.ctime_ns, f.inode FROM file f"
        " JOIN directory d ON d.id = f.directory JOIN content c ON c.id = f.content WHERE d.path = ? AND f.name = ?",
        *split_path(path),
    )
    if row is None or _sha256(path) != row[0]:
        return False  # it is read again, for its content is not what it holds
    evidence = "noted by `catalog check --fix`: the row of its reading was lost"
    add_history_row(database, row[1], Signature(*row[3:]), row[2], now, Verdict(VerdictKind.CHANGED, evidence))
    return True


def _sha256(path: bytes) -> bytes:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return b""


def _reassign_directories(database: Database, paths: list[bytes]) -> str:
    for path in paths:
        if (volume := innermost_volume(database, path)) is not None:
            database.run("UPDATE directory SET volume = ? WHERE path = ?", volume, path)
    return f"gave {len(paths)} directories back to their volume"


def _queue_reread(database: Database, path: bytes, now: float) -> bool:
    found = lstat_or_none(path)
    if found is None:
        return False
    what = file_kind(found)
    reason = {"symlink": RejectReason.SYMLINK, "special": RejectReason.SPECIAL}.get(what)
    if record_sighting(database, Sighting(path, signature_of(found), now, reason), now):
        return True
    where, name = split_path(path)
    return reason is None and bool(
        database.run(
            "UPDATE file SET state = 'pending', reason = NULL, detail = NULL, attempts = 0, due = ?"
            " WHERE directory = ? AND name = ? AND state != 'gone'",
            *(now, directory_id(database, where), name),
        )
    )


def _recount_refs(database: Database) -> int:
    count = "(SELECT count(*) FROM file f WHERE f.content = content.id AND f.state != 'gone')"
    return database.run(f"UPDATE content SET refs = {count} WHERE refs != {count}")


def _recompute_live(database: Database) -> int:
    database.run("UPDATE clock SET seq = 1 + max(seq, coalesce((SELECT max(seq) FROM vector), 0))")
    refs = "(SELECT refs > 0 FROM content c WHERE c.id = vector.content)"
    return database.run(f"UPDATE vector SET live = {refs}, seq = (SELECT seq FROM clock) WHERE live != {refs}")


def _delete_bad_vectors(database: Database, now: float) -> str:
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

"""Repair derived data. Files, their history and the owner's choices are never altered."""

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
from catalog.files.outdated_rejections import current_limits, queue_all_outdated
from catalog.filesystem.mounts import read_mounts
from catalog.filesystem.paths import split_path
from catalog.filesystem.stat_signature import Signature, file_kind, lstat_or_none, signature_of
from catalog.filesystem.volume_identity import observe_volume
from catalog.formatting import printable_path
from catalog.integrity.check_disk import is_configured
from catalog.integrity.check_row import NO_CONTENT_KINDS, CheckFinding
from catalog.integrity.check_store import bad_vectors
from catalog.integrity.dangling_rows import repair_dangling_rows
from catalog.similarity.index_file import remove_all_snapshots
from catalog.state_dir import LOCK
from catalog.store.database import Database
from catalog.store.directories import directory_id, innermost_volume, rebuild_tally
from catalog.store.events import record_event
from catalog.store.migrations import RECOVER_REMEDY
from catalog.store.roots import move_root, moved_root
from catalog.store.volumes import adopt_volume, all_volumes, block_directory, update_volume, volume_remedy
from catalog.verdict.case import Verdict, VerdictKind

REREAD_KINDS = ("unread", "unembedded", "content", "kind", "changed", "unknown")


def repair_catalog(config: Config, findings: list[CheckFinding]) -> list[str]:
    """Repair the findings; return what was done, a line each. A running service is told to scan instead.

    Raises StoreError if the database itself is damaged.
    """
    if any(finding.kind == "sqlite" for finding in findings):  # writing would spread the damage
        raise StoreError("the database itself is damaged: nothing was changed", RECOVER_REMEDY)
    with service_lock(config.state) as owned:
        if not owned:
            return [_request_scan(config.state)]
        with Database(config.database, write=True) as database, database.transaction():
            done = list(_repair_all(config, database, findings, time.time()))
            for line in done:
                record_event(database, time.time(), "repaired", detail=line)
    return done


def _request_scan(state: Path) -> str:
    try:
        pid = int((state / LOCK).read_text("ascii"))
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError):
        return "a service is using this catalog and could not be told to scan: run `systemctl reload catalogd`"
    return f"told the running service (pid {pid}) to scan everything now"


def _repair_all(config: Config, database: Database, findings: list[CheckFinding], now: float) -> Iterator[str]:
    paths: dict[str, list[bytes]] = {finding.kind: [] for finding in findings}
    for finding in findings:
        if finding.path is not None:
            paths[finding.kind].append(finding.path)
    yield from _repair_structure(config, database, paths, now)
    yield from _repair_files(config, database, paths, now)
    yield from _rebuild_derived(config, database, paths.keys())
    if "journal" in paths or "reference" in paths:
        added = reconcile_with_journal(database, config.state)
        in_catalog, in_journal = len(added.missing_in_table), len(added.missing_in_journal)
        yield f"added missing choices: {in_catalog} to the catalog, {in_journal} to the journal"


def _repair_structure(config: Config, database: Database, paths: dict[str, list[bytes]], now: float) -> Iterator[str]:
    """Repair volumes, directories and dangling rows."""
    if "volume" in paths:
        yield f"updated the volumes: {_update_volumes(config, database, now)} are away"
    if "reference" in paths:
        yield f"repaired {repair_dangling_rows(database, now)} rows that referred to missing rows"
    if "placed" in paths:
        yield _reassign_directories(database, paths["placed"])
    for path in paths.get("unreadable", ()):
        block_directory(database, path, "cannot be listed", now)
        yield f"{printable_path(path)} counts as away until it can be listed: let this user read it"


def _repair_files(config: Config, database: Database, paths: dict[str, list[bytes]], now: float) -> Iterator[str]:
    """Repair single files: queue them to be read, record them as gone, or complete their history."""
    if "vector" in paths:
        yield _delete_bad_vectors(database, now)
    for path in paths.get("content", ()):
        _correct_content_size(database, path)
    completed = {path for path in paths.get("history", ()) if _append_history(database, path, now)}
    if completed:
        yield f"added the current content to the history of {len(completed)} files"
    outdated = queue_all_outdated(database, current_limits(config.intake), now) if "limits" in paths else 0
    queued = {path for kind in (*REREAD_KINDS, "history") for path in paths.get(kind, ())} - completed
    count = outdated + sum(_queue_reread(database, path, now) for path in sorted(queued))
    if count:
        yield f"{count} files will be read again: run `catalogd --once`, or start the service"
    missing = paths.get("missing", [])
    for volume in hold_volumes(database, missing, config.alarm.missing_percent, now):
        yield f"{printable_path(volume.path)} is held: too much of it is missing. {volume_remedy(volume.kind, True)}"
    gone = sum(record_missing_path(database, path, now) for path in missing)
    if gone:
        yield f"recorded {gone} files as gone"


def _rebuild_derived(config: Config, database: Database, kinds: Collection[str]) -> Iterator[str]:
    """Rebuild counts, flags and the index from the rows they are derived from."""
    dangling = "reference" in kinds
    if dangling or "refs" in kinds:
        yield f"recounted the files of each content: {_recount_refs(database)} were wrong"
    if dangling or {"live", "clock", "refs"} & set(kinds):
        yield f"recomputed which vectors are live: {_recompute_live(database)} were wrong"
    if dangling or {"tally", "placed"} & set(kinds):
        rebuild_tally(database)
        yield "recounted the files"
    if dangling or {"index", "vector"} & set(kinds):
        yield f"removed {remove_all_snapshots(config.state)} snapshots: the next start rebuilds the index"


def _update_volumes(config: Config, database: Database, now: float) -> int:
    """Update the volumes as the service does at its start; return how many of the configuration are away."""
    mounts = read_mounts()
    known = {volume.path for volume in all_volumes(database) if volume.kind == "root"}
    for root in config.roots:
        if root not in known:
            seen = observe_volume(root, mounts)
            moved = moved_root(database, root, seen, config.roots, mounts)
            if moved is None or not move_root(database, moved, root, now):
                adopt_volume(database, root, "root", seen, now)
    for volume in all_volumes(database):
        if volume.kind != "blocked" and is_configured(volume, config.roots):
            update_volume(database, volume, observe_volume(volume.path, mounts), now)
    return sum(volume.away is not None for volume in all_volumes(database) if volume.path in config.roots)


def _correct_content_size(database: Database, path: bytes) -> None:
    """Set the size of a content to that of its files, if they agree; if not, reading them again decides."""
    content = database.value(
        "SELECT f.content FROM file f JOIN directory d ON d.id = f.directory WHERE d.path = ? AND f.name = ?",
        *split_path(path),
    )
    sizes = database.rows("SELECT DISTINCT size FROM file WHERE content = ? AND state = 'ok'", content)
    if len(sizes) == 1:
        ((size,),) = sizes
        database.run("UPDATE content SET bytes = ? WHERE id = ?", size, content)


def _append_history(database: Database, path: bytes, now: float) -> bool:
    """Add the content of a file to its history if its bytes still match; return whether they do.

    The ordinary verdict would not do: it might take the gap in the history for bit rot.
    """
    row = database.row(
        "SELECT c.sha256, f.id, f.content, f.size, f.mtime_ns, f.ctime_ns, f.inode FROM file f"
        " JOIN directory d ON d.id = f.directory JOIN content c ON c.id = f.content WHERE d.path = ? AND f.name = ?",
        *split_path(path),
    )
    if row is None:
        return False
    sha256, file, content, *signature = row
    if _sha256(path) != sha256:
        return False  # the file has other bytes than the catalog says, and is read again
    verdict = Verdict(VerdictKind.CHANGED, "added by `catalog check --fix`: the row for this content was lost")
    add_history_row(database, file, Signature(*signature), content, now, verdict)
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
    return f"reassigned {len(paths)} directories to their volume"


def _queue_reread(database: Database, path: bytes, now: float) -> bool:
    found = lstat_or_none(path)
    if found is None:
        return False
    reason = NO_CONTENT_KINDS.get(file_kind(found))
    if record_sighting(database, Sighting(path, signature_of(found), now, reason), now):
        return True
    parent, name = split_path(path)
    return reason is None and bool(
        database.run(
            "UPDATE file SET state = 'pending', reason = NULL, detail = NULL, attempts = 0, due = ?"
            " WHERE directory = ? AND name = ? AND state != 'gone'",
            *(now, directory_id(database, parent), name),
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
    """Delete bad vectors and queue their files to be read again, which computes new ones."""
    bad = {vector for vector, _ in bad_vectors(database, 1)}
    for vector in bad:
        database.run(
            "UPDATE file SET state = 'pending', due = ? WHERE state = 'ok'"
            " AND content = (SELECT content FROM vector WHERE id = ?)",
            *(now, vector),
        )
        database.run("DELETE FROM vector WHERE id = ?", vector)
    return f"deleted {len(bad)} bad vectors; their files will be read again"

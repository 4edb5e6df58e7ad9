"""Find files that were rejected under other limits or by other decoders than now, and queue them to be read again."""

from typing import NamedTuple

from catalog.config.settings import IntakeSettings
from catalog.store.database import Database
from models.decode.reason import RejectReason
from models.decode.versions import decoder_versions

BATCH_ROWS = 5000  # rows in one transaction: 50 ms
DECODER_REASONS = frozenset(
    {
        RejectReason.TRUNCATED,
        RejectReason.DAMAGED,
        RejectReason.CHECKSUM,
        RejectReason.NOT_IMAGE,
        RejectReason.WRONG_TYPE,
        RejectReason.UNSUPPORTED,
        RejectReason.PIXELS,
        RejectReason.CRASH,
        RejectReason.SLOW,
        RejectReason.MEMORY,
    }
)
# A decoder that runs out of memory may crash instead of saying so.
MEMORY_REASONS = frozenset({RejectReason.MEMORY, RejectReason.LARGE, RejectReason.CRASH})
RejectReasons = frozenset[RejectReason]
Position = tuple[float, int]  # first_seen and id of a rejected file
START: Position = (float("-inf"), 0)


class ReadLimits(NamedTuple):
    """The limits and decoders that files are rejected by. `decoders`: see `models.decode.versions`."""

    max_megapixels: float
    memory_mb: int
    seconds: float
    decoders: str


def current_limits(settings: IntakeSettings) -> ReadLimits:
    """Return the limits of this configuration and this installation."""
    return ReadLimits(settings.max_megapixels, settings.memory_mb, settings.seconds, decoder_versions())


def stored_limits(database: Database) -> ReadLimits | None:
    """Return the limits that the rejected files were last compared with; None in a new or just migrated catalog."""
    row = database.row("SELECT max_megapixels, memory_mb, seconds, decoders FROM read_limits")
    return None if row is None else ReadLimits(*row)


def store_limits(database: Database, limits: ReadLimits) -> None:
    """Record that all files rejected by other limits are queued. Call inside a transaction."""
    database.run("DELETE FROM read_limits")
    database.run("INSERT INTO read_limits VALUES (?, ?, ?, ?)", *limits)


def outdated_reasons(old: ReadLimits | None, new: ReadLimits) -> RejectReasons:
    """Return the reasons that may no longer hold. Pure.

    A lower limit makes none outdated, and never rejects a file that was accepted. A catalog of an earlier release has
    no limits to compare with: what it rejected stays, and an upgrade reads no file again.
    """
    if old is None:
        return frozenset()
    outdated: RejectReasons = frozenset()
    if new.max_megapixels > old.max_megapixels:
        outdated |= {RejectReason.PIXELS}
    if new.memory_mb > old.memory_mb:
        outdated |= MEMORY_REASONS
    if new.seconds > old.seconds:
        outdated |= {RejectReason.SLOW}
    return outdated | DECODER_REASONS if new.decoders != old.decoders else outdated


def count_outdated(database: Database, limits: ReadLimits) -> int:
    """Count the rejected files that should be read again under these limits."""
    reasons = sorted(outdated_reasons(stored_limits(database), limits))
    return int(
        database.value(
            f"SELECT count(*) FROM file WHERE state = 'rejected' AND reason IN ({','.join('?' * len(reasons))})",
            *reasons,
        )
    )


def queue_outdated(database: Database, reasons: RejectReasons, after: Position, now: float) -> tuple[int, Position]:
    """Queue up to BATCH_ROWS rejected files beyond `after` for reading; return how many, and where to continue.

    The position is `after` again at the end. Files stay rejected until they are read. Call inside a transaction.
    """
    rows = database.rows(
        "SELECT first_seen, id, reason FROM file WHERE state = 'rejected' AND (first_seen, id) > (?, ?)"
        " ORDER BY first_seen, id LIMIT ?",
        *(*after, BATCH_ROWS),
    )
    files = [(now, id_) for _, id_, reason in rows if reason in reasons]
    database.many("UPDATE file SET due = min(coalesce(due, ?1), ?1) WHERE id = ?2", files)
    last = ((first_seen, id_) for first_seen, id_, _ in rows[-1:])
    return len(files), next(last, after)


def queue_all_outdated(database: Database, limits: ReadLimits, now: float) -> int:
    """Queue all files rejected by other limits, and store these; return how many. Call inside a transaction."""
    reasons, total, position = outdated_reasons(stored_limits(database), limits), 0, START
    while reasons:
        count, reached = queue_outdated(database, reasons, position, now)
        total += count
        if reached == position:
            break
        position = reached
    store_limits(database, limits)
    return total

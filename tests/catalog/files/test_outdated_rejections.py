"""Files that a limit or a decoder rejected are read again once that limit rose or that decoder changed."""

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.config.settings import IntakeSettings
from catalog.files import outdated_rejections
from catalog.files.outdated_rejections import (
    DECODER_REASONS,
    MEMORY_REASONS,
    START,
    ReadLimits,
    count_outdated,
    current_limits,
    outdated_reasons,
    queue_all_outdated,
    queue_outdated,
    store_limits,
    stored_limits,
)
from catalog.store.database import Database
from models.decode.reason import RejectReason
from models.decode.versions import decoder_versions

LIMITS = ReadLimits(200.0, 3072, 60.0, "now")
EARLIER = LIMITS._replace(decoders="old")
limits = st.builds(
    ReadLimits, st.floats(0, 1e4), st.integers(0, 1 << 20), st.floats(0, 1e4), st.sampled_from(["old", "now"])
)


@given(limits, limits)
def test_only_what_rose_or_changed_makes_a_reason_outdated(old: ReadLimits, new: ReadLimits) -> None:
    outdated = outdated_reasons(old, new)
    if old.decoders != new.decoders:
        assert outdated >= DECODER_REASONS
    else:
        assert (RejectReason.PIXELS in outdated) == (new.max_megapixels > old.max_megapixels)
        assert (RejectReason.SLOW in outdated) == (new.seconds > old.seconds)
        assert (outdated >= MEMORY_REASONS) == (new.memory_mb > old.memory_mb)
        assert outdated <= MEMORY_REASONS | {RejectReason.PIXELS, RejectReason.SLOW}
    assert not outdated & {RejectReason.EMPTY, RejectReason.SYMLINK, RejectReason.SPECIAL, RejectReason.UNREADABLE}


@given(limits)
def test_nothing_is_outdated_under_the_same_limits(same: ReadLimits) -> None:
    assert outdated_reasons(same, same) == frozenset()


def test_nothing_is_read_again_where_no_limits_are_stored() -> None:
    assert outdated_reasons(None, LIMITS) == frozenset()


def test_the_decoders_are_the_installed_ones() -> None:
    text = decoder_versions()
    assert all(name in text for name in ("checks ", "jpeg", "pillow 1", "pillow_heif 1", "simplejpeg 1"))
    assert current_limits(IntakeSettings(max_megapixels=1.5)).max_megapixels == 1.5


def catalog_of(folder: Path, reasons: dict[str, str]) -> Database:
    """Return a catalog with rejected files of these names and reasons."""
    database = Database(folder / "catalog.db", write=True)
    database.script(
        "INSERT INTO volume(id, path, kind, identity, since) VALUES (1, x'2f72', 'root', 'marker=m', 1.0);"
        "INSERT INTO directory VALUES (1, 1, x'2f72')"
    )
    for number, (name, reason) in enumerate(reasons.items()):
        database.run(
            "INSERT INTO file(directory, name, size, mtime_ns, ctime_ns, inode, state, reason, first_seen)"
            " VALUES (1, ?, 1, 1, 1, ?, 'rejected', ?, 5.0)",
            *(name.encode(), number, reason),
        )
    return database


def due(database: Database) -> dict[str, Any]:
    return {name.decode(): at for name, at in database.rows("SELECT name, due FROM file WHERE due IS NOT NULL")}


def test_exactly_the_outdated_files_are_queued_and_stay_rejected(tmp_path: Path) -> None:
    names: dict[str, str] = {str(reason): reason for reason in RejectReason}
    with catalog_of(tmp_path, names) as database:
        store_limits(database, LIMITS)
        raised = LIMITS._replace(max_megapixels=400.0, seconds=61.0)
        assert count_outdated(database, raised) == 2
        assert count_outdated(database, LIMITS) == 0
        assert queue_all_outdated(database, raised, 7.0) == 2
        assert due(database) == {"too many pixels": 7.0, "takes too long": 7.0}
        assert database.value("SELECT count(*) FROM file WHERE state = 'rejected'") == len(names)
        assert stored_limits(database) == raised and count_outdated(database, raised) == 0


def test_an_earlier_next_try_stays(tmp_path: Path) -> None:
    with catalog_of(tmp_path, {"a": "takes too long", "b": "takes too long"}) as database:
        store_limits(database, EARLIER)
        database.run("UPDATE file SET due = iif(name = x'61', 3.0, 99.0)")
        queue_all_outdated(database, LIMITS, 7.0)
        assert due(database) == {"a": 3.0, "b": 7.0}


def test_batches_cover_every_file_even_where_many_were_first_seen_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outdated_rejections, "BATCH_ROWS", 3)
    with catalog_of(tmp_path, {str(n): "damaged" if n % 2 else "empty" for n in range(20)}) as database:
        store_limits(database, EARLIER)
        assert queue_all_outdated(database, LIMITS, 7.0) == 10
        assert len(due(database)) == 10


def test_a_batch_is_fast_among_many_rejected_files(tmp_path: Path) -> None:
    with catalog_of(tmp_path, {}) as database:
        database.run(
            "INSERT INTO file(directory, name, size, mtime_ns, ctime_ns, inode, state, reason, first_seen)"
            " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)"
            " SELECT 1, CAST(i AS BLOB), 1, 1, 1, i, 'rejected', 'not an image', i % 100 FROM n"
        )
        plan = database.rows(
            "EXPLAIN QUERY PLAN SELECT first_seen, id, reason FROM file WHERE state = 'rejected'"
            " AND (first_seen, id) > (?, ?) ORDER BY first_seen, id LIMIT ?",
            *(*START, 10),
        )
        assert "file_rejected" in str(plan) and "TEMP B-TREE" not in str(plan), plan
        started = time.monotonic()
        with database.transaction():
            count, _ = queue_outdated(database, frozenset({RejectReason.NOT_IMAGE}), START, 7.0)
        assert count == outdated_rejections.BATCH_ROWS
        assert time.monotonic() - started < 5.0

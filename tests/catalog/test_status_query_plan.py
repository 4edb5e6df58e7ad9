"""`status` must be fast with ten million files: none of its queries may scan a table of files."""

import re
from pathlib import Path
from typing import Any

import pytest

from catalog.context import CatalogContext
from catalog.status import collect_status
from catalog.store.database import Database
from tests.support.running_service import RunningService

FULL_SCAN = re.compile(r"SCAN (\w+)\b(?! USING (COVERING )?INDEX)")
SMALL_TABLES = {"tally", "t", "volume", "v", "model", "head", "h", "clock", "event", "intake", "i", "l", "label", "m"}


def test_status_scans_no_table_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = RunningService(tmp_path)
    assert service.once().returncode == 0
    queries: list[tuple[str, tuple[Any, ...]]] = []
    rows = Database.rows

    def recording(self: Database, sql: str, *values: Any) -> list[Any]:
        queries.append((sql, values))
        return rows(self, sql, *values)

    context = CatalogContext(service.config)
    monkeypatch.setattr(Database, "rows", recording)
    collect_status(context)
    assert len(queries) > 10
    for sql, values in queries:
        for _, _, _, step in rows(context.database, "EXPLAIN QUERY PLAN " + sql, *values):
            scan = FULL_SCAN.search(step)
            assert scan is None or scan[1] in SMALL_TABLES, (step, sql)

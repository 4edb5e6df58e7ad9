"""`status` has to answer at once of ten million files: none of what it asks may walk through a whole table of them."""

import re
from pathlib import Path
from typing import Any

import pytest

from catalog.context import CatalogContext
from catalog.status import collect_status
from catalog.store.database import Database
from tests.support.running_service import Household

WALK = re.compile(r"SCAN (\w+)(?! USING (COVERING )?INDEX)")
SMALL = {"tally", "t", "volume", "v", "model", "head", "h", "clock", "event", "intake", "i", "l", "label", "m"}


def test_status_walks_through_no_table_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = Household(tmp_path)
    assert house.once().returncode == 0
    asked: list[tuple[str, tuple[Any, ...]]] = []
    rows = Database.rows

    def listening(self: Database, sql: str, *values: Any) -> list[Any]:
        asked.append((sql, values))
        return rows(self, sql, *values)

    asking = CatalogContext(house.config)
    monkeypatch.setattr(Database, "rows", listening)
    collect_status(asking)
    assert len(asked) > 10
    for sql, values in asked:
        for step in rows(asking.database, "EXPLAIN QUERY PLAN " + sql, *values):
            walked = WALK.search(step[3])
            assert walked is None or walked[1] in SMALL, (step[3], sql)

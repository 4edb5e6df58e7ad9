"""A catalog made before the source was arranged in packages opens, answers the same, and reads no file again.

The fixture holds 27 drawn files, the catalog and journal that commit e88ae3e made of them, and what its commands
answered. The rows are given the inodes and times of the unpacked files, as if that commit had seen them here.
"""

import json
import os
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.source_tree import ROOT

FIXTURE = ROOT / "tests" / "fixtures" / "catalog_before_packages.zip"
MADE_AT = b"/srv/e88/photos"
MTIME_NS = 1_795_176_000_000_000_000  # 2026-11-20T12:00:00Z, of every file
PROSE = {"detail", "why", "note", "evidence"}  # texts may be reworded


class OlderCatalog:
    """The unpacked fixture, at a path of its own."""

    def __init__(self, folder: Path) -> None:
        with zipfile.ZipFile(FIXTURE) as fixture:
            fixture.extractall(folder)
        self.photos = folder / "photos"
        self.answers: dict[str, list[dict[str, Any]]] = json.loads((folder / "answers.json").read_text())
        state = folder / "state"
        state.mkdir(mode=0o700)
        (folder / "catalog.db").rename(state / "catalog.db")
        (folder / "journal.jsonl").rename(state / "journal.jsonl")
        self.config = folder / "config.toml"
        self.config.write_text(f'state = "{state}"\nroots = ["{self.photos}"]\n')
        self._adopt(state / "catalog.db")

    def _adopt(self, catalog: Path) -> None:
        """Write this machine's paths, inodes and change times into the rows."""
        here = os.fsencode(self.photos)
        database = sqlite3.connect(catalog)
        for table in ("volume", "directory"):
            for id_, path in database.execute(f"SELECT id, path FROM {table}").fetchall():
                database.execute(f"UPDATE {table} SET path = ? WHERE id = ?", (path.replace(MADE_AT, here), id_))
        rows = database.execute("SELECT f.id, d.path, f.name FROM file f JOIN directory d ON d.id = f.directory")
        for id_, directory, name in rows.fetchall():
            path = os.path.join(directory, name)
            os.utime(path, ns=(MTIME_NS, MTIME_NS))
            found = os.lstat(path)
            values = (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, id_)
            database.execute("UPDATE file SET inode = ?, mtime_ns = ?, ctime_ns = ? WHERE id = ?", values)
        database.commit()
        database.close()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        call = [str(Path(sys.executable).with_name(arguments[0])), "--config", str(self.config), *arguments[1:]]
        return subprocess.run(call, capture_output=True, text=True, timeout=100, check=False)

    def ask(self, question: str) -> list[dict[str, Any]]:
        words = question.replace("ROOT", str(self.photos)).split()
        done = self.run("catalog", *words, "--json")
        assert done.returncode in (0, 1), done.stderr
        return [json.loads(line.replace(str(self.photos), "ROOT")) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> OlderCatalog:
    return OlderCatalog(tmp_path_factory.mktemp("older"))


def like(now: Any, then: Any) -> bool:
    """Whether all that was answered then is answered now; new keys may be there, and texts may be reworded."""
    if isinstance(then, dict):
        return all(key in now and (key in PROSE or like(now[key], value)) for key, value in then.items())
    if isinstance(then, list):
        return len(now) == len(then) and all(map(like, now, then))
    return bool(abs(now - then) < 1e-4) if isinstance(then, float) else now == then


def test_a_pass_reads_no_file_again_and_finds_no_change(older: OlderCatalog) -> None:
    done = older.run("catalogd", "--once")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [event["read"] for event in events if event["event"] == "pass_ended"] == [0]
    assert [(event["changed"], event["missing"]) for event in events if event["event"] == "scanned"] == [(0, 0)]
    assert older.run("catalog", "check").returncode == 0


def test_every_answer_is_the_same(older: OlderCatalog) -> None:
    assert sum(map(len, older.answers.values())) > 100
    for question, answers in older.answers.items():
        now = older.ask(question)
        assert like(now, answers), (question, now, answers)

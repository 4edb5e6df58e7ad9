"""Time a scan with nothing changed against `find -printf` over the same tree.

    python -m tools.bench.scan [--files 200000] [--rounds 5] [--json]

The catalog's rows are written without reading the files, which are empty: a scan that finds nothing changed compares
names, sizes, times and inodes, and never looks inside.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from catalog.config.load import Config
from catalog.files.observe import Sighting, record_sightings
from catalog.filesystem.ignore import IgnoreRules
from catalog.filesystem.mounts import read_mounts
from catalog.filesystem.volume_identity import observe_volume, write_marker
from catalog.store.database import Database
from catalog.store.volumes import adopt_volume
from daemon.scan.walk import Scan

FILES_PER_DIRECTORY = 500


def write_files(root: Path, files: int) -> None:
    """Empty files, 500 a directory, two levels deep."""
    for number in range(0, files, FILES_PER_DIRECTORY):
        folder = root / f"{number // 20_000:03}" / f"{number:07}"
        folder.mkdir(parents=True)
        for index in range(FILES_PER_DIRECTORY):
            (folder / f"IMG_{number + index:07}.jpg").touch()


def write_rows(root: Path, database: Database) -> None:
    """Write the rows that a first scan would have led to."""
    with database.transaction():
        adopt_volume(database, bytes(root), "root", observe_volume(bytes(root), read_mounts()), time.time())
    for _ in run_scan(root, database, partial(_write_batch, database)):
        pass
    database.run("UPDATE file SET state = 'rejected', reason = 'empty', due = NULL")


def _write_batch(database: Database, batch: list[Sighting]) -> None:
    with database.transaction():
        record_sightings(database, batch, time.time())


def run_scan(root: Path, database: Database, each: object = None) -> list[int]:
    """One scan; returns how many files it met and how many differed."""
    one = Scan(database, 1, frozenset(), IgnoreRules((), b"/nowhere"), lambda found: 0.0, lambda: False)
    for batch in one.walk(bytes(root)):
        if callable(each):
            each(batch)
    assert not one.vanished_directories(bytes(root))
    return [one.result.files, one.result.changed]


def time_pass(config: Path) -> float:
    """Seconds of a whole `catalogd --once`, start and all."""
    started = time.perf_counter()
    subprocess.run(
        [Path(sys.executable).parent / "catalogd", "--once", "--config", config], check=True, capture_output=True
    )
    return time.perf_counter() - started


def time_find(root: Path) -> float:
    """Seconds of `find`, printing what a scan compares."""
    started = time.perf_counter()
    subprocess.run(["find", root, "-printf", "%p %s %T@ %C@ %i\\n"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Print medians and the ratio of each round."""
    parser = argparse.ArgumentParser(description="A scan with nothing changed, against find.")
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), given.files, given.rounds)
    if given.json:
        print(json.dumps(figures))
        return
    print(f"{given.files} files, {given.rounds} rounds; find {figures['find']:.2f} s, scan {figures['scan']:.2f} s")
    print(f"a scan with nothing changed takes {figures['scan_ratio']:.2f} times find")
    print(f"all of `catalogd --once` takes {figures['once']:.2f} s, {figures['once_ratio']:.2f} times find")


def measure(work: Path, files: int, rounds: int) -> dict[str, float]:
    """Build, learn, and time in turn."""
    root, state = work / "root", work / "state"
    root.mkdir()
    state.mkdir()
    write_files(root, files)
    write_marker(bytes(root))
    config = Config(work / "config.toml", state, (bytes(root),))
    config.path.write_text(f'state = "{state}"\nroots = ["{root}"]\n', encoding="utf-8")
    database = Database(config.database, write=True)
    write_rows(root, database)
    rows = []
    for _ in range(rounds + 1):
        found = time_find(root)
        started = time.perf_counter()
        met, changed = run_scan(root, database)
        scanned = time.perf_counter() - started
        assert (met, changed) == (files, 0), (met, changed)
        rows.append((found, scanned, time_pass(config.path)))
    database.close()
    warm = rows[1:]
    return {
        "find": statistics.median(row[0] for row in warm),
        "scan": statistics.median(row[1] for row in warm),
        "once": statistics.median(row[2] for row in warm),
        "scan_ratio": statistics.median(row[1] / row[0] for row in warm),
        "once_ratio": statistics.median(row[2] / row[0] for row in warm),
    }


if __name__ == "__main__":
    main()

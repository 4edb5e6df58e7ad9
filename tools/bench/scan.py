"""Time a scan of unchanged files against `find -printf` over the same tree.

    python -m tools.bench.scan [--files 200000] [--rounds 5] [--json]

The files are empty, and the catalog's rows are written without reading them: a scan of unchanged files compares
names, sizes, times and inodes, and opens none.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
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
from tools.bench.harness import SCRIPTS, medians, wall_seconds

FILES_PER_DIRECTORY = 500


def write_files(root: Path, files: int) -> None:
    """Create empty files, 500 per directory, two levels deep."""
    for number in range(0, files, FILES_PER_DIRECTORY):
        folder = root / f"{number // 20_000:03}" / f"{number:07}"
        folder.mkdir(parents=True)
        for index in range(FILES_PER_DIRECTORY):
            (folder / f"IMG_{number + index:07}.jpg").touch()


def write_rows(root: Path, database: Database) -> None:
    """Write the rows that a first pass would have written."""
    with database.transaction():
        adopt_volume(database, bytes(root), "root", observe_volume(bytes(root), read_mounts()), time.time())
    for _ in run_scan(root, database, partial(_write_batch, database)):
        pass
    database.run("UPDATE file SET state = 'rejected', reason = 'empty', due = NULL")


def _write_batch(database: Database, batch: list[Sighting]) -> None:
    with database.transaction():
        record_sightings(database, batch, time.time())


def run_scan(
    root: Path, database: Database, on_batch: Callable[[list[Sighting]], None] | None = None
) -> tuple[int, int]:
    """Scan once; return the numbers of files found and of files changed."""
    scan = Scan(*(database, 1, bytes(root), frozenset(), IgnoreRules((), b"/nowhere")), lambda path: 0.0, lambda: False)
    for batch in scan.walk(bytes(root)):
        if on_batch is not None:
            on_batch(batch)
    scan.add_unvisited(bytes(root))
    assert not scan.result.missing
    return scan.result.files, scan.result.changed


def time_pass(config: Path) -> float:
    """Return the seconds of `catalogd --once`, including its start."""
    command: list[str | Path] = [SCRIPTS / "catalogd", "--once", "--config", config]
    return wall_seconds(lambda: subprocess.run(command, check=True, capture_output=True))


def time_find(root: Path) -> float:
    """Return the seconds of a `find` that prints what a scan compares."""
    command: list[str | Path] = ["find", root, "-printf", "%p %s %T@ %C@ %i\\n"]
    return wall_seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


def main() -> None:
    """Print medians and their ratios, or JSON."""
    parser = argparse.ArgumentParser(description="A scan of unchanged files against find.")
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.files, options.rounds)
    if options.json:
        print(json.dumps(figures))
        return
    print(f"{options.files} files, {options.rounds} rounds; find {figures['find']:.2f} s, scan {figures['scan']:.2f} s")
    print(f"a scan of unchanged files takes {figures['scan_ratio']:.2f} times find")
    print(f"the whole of `catalogd --once` takes {figures['once']:.2f} s, {figures['once_ratio']:.2f} times find")


def measure(work: Path, files: int, rounds: int) -> dict[str, float]:
    """Create the tree and its catalog; time all three in turn. Return medians without the first round, a warm-up."""
    root, state = work / "root", work / "state"
    root.mkdir()
    state.mkdir()
    write_files(root, files)
    write_marker(bytes(root))
    config = Config(work / "config.toml", state, (bytes(root),))
    config.path.write_text(f'state = "{state}"\nroots = ["{root}"]\n', encoding="utf-8")
    database = Database(config.database, write=True)
    write_rows(root, database)
    figures = []
    for _ in range(rounds + 1):
        find = time_find(root)
        started = time.perf_counter()
        found, changed = run_scan(root, database)
        scan = time.perf_counter() - started
        assert (found, changed) == (files, 0), (found, changed)
        once = time_pass(config.path)
        figures.append({"find": find, "scan": scan, "once": once, "scan_ratio": scan / find, "once_ratio": once / find})
    database.close()
    return medians(figures[1:])


if __name__ == "__main__":
    main()

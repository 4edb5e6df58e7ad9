"""Time a scrub without a rate limit against `sha256sum`, and `openssl sha256`, over the same files.

    python -m tools.bench.scrub [--corpus DIR] [--copies 4] [--large 1024] [--rounds 5] [--json]

Two collections: real files as they are, and large ones (`--large` MB in files of 32 MB). Nothing of them is cached
when either begins, so all read the disk. The scrub is timed by its own row, from its beginning to its last commit, and
again with the start and the end of its process. All run in turn, and the ratios are of one round. `sha256sum` is what
people use, but some builds of it know nothing of the processor's own SHA instructions; OpenSSL does, as we do.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from catalog.config.load import Config
from catalog.files.observe import Sighting, record_sighting
from catalog.files.results import ensure_content, reject_file
from catalog.filesystem.mounts import read_mounts
from catalog.filesystem.paths import split_path
from catalog.filesystem.stat_signature import signature_of
from catalog.filesystem.volume_identity import observe_volume, write_marker
from catalog.integrity.coverage import verification_coverage
from catalog.integrity.scrub_runs import latest_requested_run
from catalog.store.database import Database
from catalog.store.volumes import adopt_volume
from models.decode.reason import RejectReason
from tools.bench.full_pass import copy_corpus

MB = 1_000_000
LARGE_FILE_BYTES = 32 * MB


def build_large(root: Path, amount: int) -> list[Path]:
    """Files of noise, 32 MB each."""
    dice, paths = random.Random(1), []
    for number in range(amount * MB // LARGE_FILE_BYTES):
        path = root / f"{number:04}.tiff"
        path.write_bytes(dice.randbytes(LARGE_FILE_BYTES))
        paths.append(path)
    return paths


def write_rows(config: Config, paths: list[Path]) -> None:
    """Write rows as of files that were read and are no images: no model asks for those, and a scrub reads them too."""
    root = config.roots[0]
    write_marker(root)
    database = Database(config.database, write=True)
    with database.transaction():
        adopt_volume(database, root, "root", observe_volume(root, read_mounts()), time.time())
        for path in paths:
            sign = signature_of(path.lstat())
            record_sighting(database, Sighting(os.fsencode(path), sign, 0.0), 0.0)
            content = ensure_content(database, hashlib.sha256(path.read_bytes()).digest(), sign.size, None)
            directory, name = split_path(os.fsencode(path))
            file = database.value(
                "SELECT f.id FROM file f JOIN directory d ON d.id = f.directory WHERE d.path = ? AND f.name = ?",
                *(directory, name),
            )
            reject_file(database, int(file), sign, RejectReason.NOT_IMAGE, "", content, 1.0)
    database.close()


def drop_page_cache(paths: list[Path]) -> None:
    """Have the kernel let go of every page of the files."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def hash_commands() -> dict[str, list[str]]:
    """Commands that hash the files named to them, as far as they are installed."""
    known = {"sha256sum": ["sha256sum"], "openssl": ["openssl", "sha256"]}
    return {name: call for name, call in known.items() if shutil.which(call[0])}


def time_command(call: list[str], paths: list[Path]) -> float:
    """Seconds of one process that hashes all of them."""
    drop_page_cache(paths)
    listed = b"".join(os.fsencode(path) + b"\0" for path in paths)
    started = time.perf_counter()
    subprocess.run(["xargs", "-0", "-n", "100000", *call], input=listed, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def time_scrub(config: Config, paths: list[Path]) -> tuple[float, float]:
    """Seconds of a scrub of all of them, and with its process."""
    drop_page_cache(paths)
    started = time.perf_counter()
    program = Path(sys.executable).parent / "catalogd"
    call = [program, "--scrub", "--budget", "1TB", "--config", config.path]
    subprocess.run(call, check=True, capture_output=True)
    seconds = time.perf_counter() - started
    database = Database(config.database, write=False)
    run = latest_requested_run(database)
    assert run is not None and run.ended is not None
    assert run.sound == run.files == len(paths), run
    assert verification_coverage(database, 1, time.time())["percent"] == 100.0
    database.close()
    return run.ended - run.started, seconds


def measure(work: Path, name: str, paths: list[Path], rounds: int) -> dict[str, float]:
    """Learn the files and time both in turn."""
    state = work / f"{name}-state"
    state.mkdir()
    root = os.fsencode(work / name)
    config = Config(work / f"{name}.toml", state, (root,))
    config.path.write_text(f'state = "{state}"\nroots = ["{work / name}"]\n[scrub]\nrate_mb = 0\n', encoding="utf-8")
    write_rows(config, paths)
    amount = sum(path.stat().st_size for path in paths)
    rows: list[dict[str, float]] = []
    for _ in range(rounds + 1):
        row = {other: time_command(call, paths) for other, call in hash_commands().items()}
        row["scrub"], row["process"] = time_scrub(config, paths)
        rows.append(row)
    figures = {"files": float(len(paths)), "gigabytes": amount / 1e9}
    for other in rows[0]:
        figures[f"{other}_gb_s"] = statistics.median(amount / 1e9 / row[other] for row in rows[1:])
    for other in hash_commands():
        figures[f"{other}_ratio"] = statistics.median(row[other] / row["scrub"] for row in rows[1:])
    return figures


def main() -> None:
    """Print medians and the ratio of each round."""
    parser = argparse.ArgumentParser(description="A scrub against sha256sum.")
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--copies", type=int, default=4)
    parser.add_argument("--large", type=int, default=1024, help="megabytes of large files")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder).resolve()
        sets = {"real": copy_corpus(given.corpus, given.copies, work / "real")}
        (work / "large").mkdir()
        sets["large"] = build_large(work / "large", given.large)
        figures = {name: measure(work, name, paths, given.rounds) for name, paths in sets.items() if paths}
    if given.json:
        print(json.dumps(figures))
        return
    for name, found in figures.items():
        print(
            f"{name}: {found['files']:.0f} files, {found['gigabytes']:.2f} GB: scrub {found['scrub_gb_s']:.2f} GB/s"
            f" ({found['process_gb_s']:.2f} with its process)"
        )
        for other in hash_commands():
            print(f"  {found[f'{other}_ratio']:.2f} times the speed of {other} ({found[f'{other}_gb_s']:.2f} GB/s)")


if __name__ == "__main__":
    main()

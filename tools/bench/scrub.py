"""Time a scrub without a rate limit against `sha256sum` and `openssl sha256` over the same files.

    python -m tools.bench.scrub [--corpus DIR] [--copies 4] [--large 1024] [--rounds 5] [--json]

Two collections: real files, and large ones (`--large` MB in files of 32 MB). The page cache is dropped before each run,
so all read the disk. A scrub's time is that of its row, from its start to its last commit; "process" includes the start
and the end of its process. All run in turn, and each ratio is taken within one round. `sha256sum` is what people use,
but some builds do not use the processor's SHA instructions; OpenSSL does, and so does catalogd.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
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
from tools.bench.harness import CORPUS, SCRIPTS, medians, wall_seconds

MB = 1_000_000
LARGE_FILE_BYTES = 32 * MB


def write_large_files(root: Path, megabytes: int) -> list[Path]:
    """Write files of random bytes, 32 MB each."""
    rng, paths = random.Random(1), []
    for number in range(megabytes * MB // LARGE_FILE_BYTES):
        path = root / f"{number:04}.tiff"
        path.write_bytes(rng.randbytes(LARGE_FILE_BYTES))
        paths.append(path)
    return paths


def write_rows(config: Config, paths: list[Path]) -> None:
    """Write rows of verified files that are not images: a scrub reads them, and no model has to embed them."""
    root = config.roots[0]
    write_marker(root)
    database = Database(config.database, write=True)
    with database.transaction():
        adopt_volume(database, root, "root", observe_volume(root, read_mounts()), time.time())
        for path in paths:
            signature = signature_of(path.lstat())
            record_sighting(database, Sighting(os.fsencode(path), signature, 0.0), 0.0)
            content = ensure_content(database, hashlib.sha256(path.read_bytes()).digest(), signature.size, None)
            directory, name = split_path(os.fsencode(path))
            file = database.value(
                "SELECT f.id FROM file f JOIN directory d ON d.id = f.directory WHERE d.path = ? AND f.name = ?",
                *(directory, name),
            )
            reject_file(database, int(file), signature, RejectReason.NOT_IMAGE, "", content, 1.0)
    database.close()


def drop_page_cache(paths: list[Path]) -> None:
    """Drop the cached pages of the files."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def hash_commands() -> dict[str, list[str]]:
    """Return the installed commands that hash the files named as arguments."""
    commands = {"sha256sum": ["sha256sum"], "openssl": ["openssl", "sha256"]}
    return {program: command for program, command in commands.items() if shutil.which(program)}


def time_command(command: list[str], paths: list[Path]) -> float:
    """Return the seconds that a command needs to hash all files, none cached."""
    drop_page_cache(paths)
    names = b"".join(os.fsencode(path) + b"\0" for path in paths)
    xargs = ["xargs", "-0", "-n", "100000", *command]
    return wall_seconds(lambda: subprocess.run(xargs, input=names, check=True, stdout=subprocess.DEVNULL))


def time_scrub(config: Config, paths: list[Path]) -> tuple[float, float]:
    """Return the seconds of a scrub of all files, none cached, and those of its whole process."""
    drop_page_cache(paths)
    command: list[str | Path] = [SCRIPTS / "catalogd", "--scrub", "--budget", "1TB", "--config", config.path]
    seconds = wall_seconds(lambda: subprocess.run(command, check=True, capture_output=True))
    database = Database(config.database, write=False)
    run = latest_requested_run(database)
    assert run is not None and run.ended is not None
    assert run.sound == run.files == len(paths), run
    assert verification_coverage(database, 1, time.time())["percent"] == 100.0
    database.close()
    return run.ended - run.started, seconds


def measure(work: Path, name: str, paths: list[Path], rounds: int) -> dict[str, float]:
    """Catalog the files and time all programs in turn. Return medians; the first round is a warm-up."""
    state = work / f"{name}-state"
    state.mkdir()
    root = os.fsencode(work / name)
    config = Config(work / f"{name}.toml", state, (root,))
    config.path.write_text(f'state = "{state}"\nroots = ["{work / name}"]\n[scrub]\nrate_mb = 0\n', encoding="utf-8")
    write_rows(config, paths)
    gigabytes = sum(path.stat().st_size for path in paths) / 1e9
    figures = []
    for _ in range(rounds + 1):
        hashing = {program: time_command(command, paths) for program, command in hash_commands().items()}
        scrub, process = time_scrub(config, paths)
        times = hashing | {"scrub": scrub, "process": process}
        figures.append(
            {f"{name}_gb_s": gigabytes / seconds for name, seconds in times.items()}
            | {f"{program}_ratio": seconds / scrub for program, seconds in hashing.items()}
        )
    return {"files": float(len(paths)), "gigabytes": gigabytes} | medians(figures[1:])


def main() -> None:
    """Print medians and their ratios, or JSON."""
    parser = argparse.ArgumentParser(description="A scrub against sha256sum.")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--copies", type=int, default=4)
    parser.add_argument("--large", type=int, default=1024, help="megabytes of large files")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder).resolve()
        sets = {"real": copy_corpus(options.corpus, options.copies, work / "real")}
        (work / "large").mkdir()
        sets["large"] = write_large_files(work / "large", options.large)
        figures = {name: measure(work, name, paths, options.rounds) for name, paths in sets.items() if paths}
    if options.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(
            f"{name}: {figure['files']:.0f} files, {figure['gigabytes']:.2f} GB: scrub {figure['scrub_gb_s']:.2f} GB/s"
            f" ({figure['process_gb_s']:.2f} with its process)"
        )
        for program in hash_commands():
            ratio, rate = figure[f"{program}_ratio"], figure[f"{program}_gb_s"]
            print(f"  {ratio:.2f} times the speed of {program} ({rate:.2f} GB/s)")


if __name__ == "__main__":
    main()

"""Time one full pass against the plain script it replaces, and against what the cores could do at best.

    python -m tools.bench.full_pass [--corpus DIR] [--rounds 5] [--copies 1] [--json]

"plain": tools/bench/baseline_script.py. "ours": `catalogd --once`, installed as a person installs it: the working
tree's own environment has it editable, which no user has, and which takes a tenth of a second longer to start. Both
are timed as a person waits for them, from the start of the process to its end. "best": reading, hashing, decoding and
inference alone, in one process a core, each with its share of the files and all at the same time (two cores may be
two halves of one): the core seconds, divided by the number of cores. No start, no catalog, no index, no hand-over.
All three run in turn, and the ratios are of one round, since a machine's speed drifts.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from pathlib import Path

import numpy as np

from models.bundle.folder import Bundle, default_folder, load_bundle
from models.decode.reason import DecodeError
from models.picture import read_picture
from models.runtime.session import Session
from tools.bench.stage_times import bare_core_seconds, overhead_text, pass_core_seconds

SETS = ("camera", "photo", "screenshot", "meme")


def copy_corpus(corpus: Path, copies: int, target: Path) -> list[Path]:
    """Copy the four sets into `target`; further copies get a few bytes more, so that none is a duplicate."""
    paths = []
    for name in SETS:
        for source in sorted((corpus / name).rglob("*")):
            if not source.is_file():
                continue
            for copy in range(copies):
                goal = target / name / f"{copy}-{source.name}"
                goal.parent.mkdir(parents=True, exist_ok=True)
                goal.write_bytes(source.read_bytes() + b"\0" * copy)
                paths.append(goal)
    return paths


def install(where: Path) -> Path:
    """A fresh environment with this project in it, as `pip install .` makes it; what it depends on is taken from the
    environment that runs this. Returns the folder of its scripts.
    """
    venv.create(where, with_pip=False)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(where), "platbase": str(where)}))
    # A path alone: the .pth files of that folder, and with them the editable install, are not followed.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(where / "bin" / "python"), "install", "--quiet"]
    with tempfile.TemporaryDirectory() as source:  # building leaves its traces where it builds
        shutil.copytree(Path.cwd(), Path(source) / "main", ignore=shutil.ignore_patterns(".*", "build", "*.egg-info"))
        subprocess.run([*pip, "--no-deps", Path(source) / "main"], check=True)
    return where / "bin"


def time_plain_script(scripts: Path, root: Path, where: Path) -> float:
    """Seconds of the script that people write first."""
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir()
    script, model = Path(__file__).with_name("baseline_script.py"), default_folder() / "model.onnx"
    started = time.perf_counter()
    subprocess.run([scripts / "python", script, root, model, where / "plain.db"], check=True, capture_output=True)
    return time.perf_counter() - started


def time_parts_alone(paths: list[Path], bundle: Bundle) -> dict[str, float]:
    """CPU seconds of each part alone, on one core."""
    parts = dict.fromkeys(("read", "hash", "decode", "infer"), 0.0)
    pixels = []
    for path in paths:
        started = time.perf_counter()
        data = path.read_bytes()
        read = time.perf_counter()
        hashlib.sha256(data).digest()
        hashed = time.perf_counter()
        with contextlib.suppress(DecodeError):
            pixels.append(read_picture(data, bundle.recipe).pixels)
        parts["read"] += read - started
        parts["hash"] += hashed - read
        parts["decode"] += time.perf_counter() - hashed
    session = Session(bundle, provider="cpu", threads=1)
    batches = [np.stack(pixels[i : i + session.batch]) for i in range(0, len(pixels), session.batch)]
    session.run(batches[0])
    started = time.perf_counter()
    for batch in batches:
        session.run(batch)
    parts["infer"] = time.perf_counter() - started
    return parts


def initialise_catalog(scripts: Path, root: Path, where: Path) -> dict[str, str]:
    """An empty catalog; returns the environment in which `catalogd` finds it."""
    shutil.rmtree(where, ignore_errors=True)
    config = where / "config.toml"
    environment = os.environ | {"CATALOG_CONFIG": str(config)}
    subprocess.run(
        [scripts / "catalog", "init", "--state", where / "state", root],
        env=environment,
        check=True,
        capture_output=True,
    )
    return environment


def time_service(scripts: Path, root: Path, where: Path) -> float:
    """Seconds of `catalogd --once` from an empty catalog."""
    environment = initialise_catalog(scripts, root, where)
    started = time.perf_counter()
    subprocess.run([scripts / "catalogd", "--once"], env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def measure(scripts: Path, root: Path, work: Path) -> dict[str, float]:
    """One round of all three."""
    slow, ours = time_plain_script(scripts, root, work / "plain"), time_service(scripts, root, work / "ours")
    cores = sorted(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "tools.bench.full_pass", "--alone", str(root), "--core"]
    crew = [subprocess.Popen([*command, str(core)], stdout=subprocess.PIPE, text=True) for core in cores]
    shares = [json.loads(process.communicate()[0]) for process in crew]
    parts = {key: sum(share[key] for share in shares) for key in shares[0]}
    return {"plain": slow, "ours": ours, "best": sum(parts.values()) / len(cores), **parts}


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description="One full pass against a plain script and against the ideal.")
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--copies", type=int, default=1, help="distinct copies of every file")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    bundle = load_bundle(default_folder())
    if given.alone:
        cores = sorted(os.sched_getaffinity(0))
        paths = sorted(path for path in given.alone.rglob("*") if path.is_file())
        share = paths[cores.index(given.core) :: len(cores)]
        os.sched_setaffinity(0, {given.core})
        print(json.dumps(time_parts_alone(share, bundle)))
        return
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        scripts = install(work / "installed")
        paths = copy_corpus(given.corpus, given.copies, work / "root")
        rounds = [measure(scripts, work / "root", work) for _ in range(given.rounds)]
        parts = pass_core_seconds(
            [scripts / "catalogd", "--once", "--verbose"], initialise_catalog(scripts, work / "root", work / "ours")
        )
        parts["bare"] = bare_core_seconds(scripts / "python", default_folder() / "model.onnx")
    report(rounds, parts, len(paths), as_json=given.json)


def report(rounds: list[dict[str, float]], parts: dict[str, float], files: int, *, as_json: bool) -> None:
    """Medians, the ratios of each round, and where the rest of one more pass went."""
    middle = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
    faster = [one["plain"] / one["ours"] for one in rounds]
    share = [one["best"] / one["ours"] for one in rounds]
    figures = {"files": files, **middle, "times_plain": statistics.median(faster), "of_best": statistics.median(share)}
    if as_json:
        print(json.dumps(figures | {"parts": parts}))
        return
    print(f"{files} files, {len(rounds)} rounds, {len(os.sched_getaffinity(0))} cores; medians")
    for key in ("plain", "ours", "best"):
        print(f"  {key:<6} {middle[key]:7.2f} s  {files / middle[key]:7.1f} files/s")
    print(
        "  the best, in core seconds: " + ", ".join(f"{k} {middle[k]:.2f}" for k in ("read", "hash", "decode", "infer"))
    )
    print(f"  ours is {min(faster):.2f} … {figures['times_plain']:.2f} … {max(faster):.2f} times the plain script")
    print(f"  ours reaches {min(share):.0%} … {figures['of_best']:.0%} … {max(share):.0%} of the best")
    print(f"  the rest of one more pass of {parts['wall']:.2f} s, in core seconds: {overhead_text(parts, middle)}")
    print(f"  of which two bare interpreters that load the same libraries and the model take {parts['bare']:.2f}")


if __name__ == "__main__":
    main()

"""Time one full pass against the plain script that it replaces, and against the best that the cores could do.

    python -m tools.bench.full_pass [--corpus DIR] [--rounds 5] [--copies 1] [--json]

"plain": tools/bench/baseline_script.py. "ours": `catalogd --once`, installed as users install it: an editable install,
as in the checkout's own environment, takes a tenth of a second longer to start. Both are timed from the start of the
process to its end. "best": reading, hashing, decoding and inference alone, in one process per core, each with its share
of the files and all at the same time (two cores may be hyper-threads of one): the core seconds, divided by the number
of cores. No start-up, no catalog, no index, no hand-over between processes. All three run in turn, and each ratio is
taken within one round, since a machine's speed drifts.
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
from tools.bench.harness import CORPUS, init_catalog, medians, wall_seconds
from tools.bench.stage_times import bare_core_seconds, overhead_text, pass_core_seconds

SETS = ("camera", "photo", "screenshot", "meme")


def copy_corpus(corpus: Path, copies: int, target: Path) -> list[Path]:
    """Copy the four sets into `target`; copy number n gets n more bytes, so that no two have equal content."""
    paths = []
    for name in SETS:
        for source in sorted((corpus / name).rglob("*")):
            if not source.is_file():
                continue
            for copy in range(copies):
                path = target / name / f"{copy}-{source.name}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(source.read_bytes() + b"\0" * copy)
                paths.append(path)
    return paths


def install(environment: Path) -> Path:
    """Create a virtual environment and `pip install .` in it; return the folder of its scripts.

    Dependencies are taken from the environment that runs this.
    """
    venv.create(environment, with_pip=False)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(environment), "platbase": str(environment)}))
    # Python does not read the .pth files of a folder named in a .pth file: the editable install stays out.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "install", "--quiet"]
    with tempfile.TemporaryDirectory() as source:  # the build writes into its source tree
        shutil.copytree(Path.cwd(), Path(source) / "main", ignore=shutil.ignore_patterns(".*", "build", "*.egg-info"))
        subprocess.run([*pip, "--no-deps", Path(source) / "main"], check=True)
    return environment / "bin"


def time_plain_script(scripts: Path, root: Path, work: Path) -> float:
    """Return the seconds of the baseline script, with an empty database."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    script, model = Path(__file__).with_name("baseline_script.py"), default_folder() / "model.onnx"
    command = [scripts / "python", script, root, model, work / "plain.db"]
    return wall_seconds(lambda: subprocess.run(command, check=True, capture_output=True))


def time_work_alone(paths: list[Path], bundle: Bundle) -> dict[str, float]:
    """Return the seconds of reading, hashing, decoding and inference, each without the rest of a pass."""
    parts = dict.fromkeys(("read", "hash", "decode", "infer"), 0.0)
    pixels = []
    for path in paths:
        started = time.perf_counter()
        data = path.read_bytes()
        read_at = time.perf_counter()
        hashlib.sha256(data).digest()
        hashed_at = time.perf_counter()
        with contextlib.suppress(DecodeError):
            pixels.append(read_picture(data, bundle.recipe).pixels)
        parts["read"] += read_at - started
        parts["hash"] += hashed_at - read_at
        parts["decode"] += time.perf_counter() - hashed_at
    session = Session(bundle, provider="cpu", threads=1)
    batches = [np.stack(pixels[i : i + session.batch]) for i in range(0, len(pixels), session.batch)]
    session.run(batches[0])
    started = time.perf_counter()
    for batch in batches:
        session.run(batch)
    parts["infer"] = time.perf_counter() - started
    return parts


def pass_command(scripts: Path, root: Path, work: Path) -> list[str | Path]:
    """Create an empty catalog of `root` in `work`; return the command of one pass over it."""
    shutil.rmtree(work, ignore_errors=True)
    return [scripts / "catalogd", "--once", "--config", init_catalog(work, root, scripts)]


def time_service(scripts: Path, root: Path, work: Path) -> float:
    """Return the seconds of `catalogd --once` with an empty catalog."""
    command = pass_command(scripts, root, work)
    return wall_seconds(lambda: subprocess.run(command, check=True, capture_output=True))


def measure(scripts: Path, root: Path, work: Path) -> dict[str, float]:
    """Run one round of all three; return their seconds, and the core seconds of each part of the best."""
    plain, ours = time_plain_script(scripts, root, work / "plain"), time_service(scripts, root, work / "ours")
    cores = sorted(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "tools.bench.full_pass", "--alone", str(root), "--core"]
    processes = [subprocess.Popen([*command, str(core)], stdout=subprocess.PIPE, text=True) for core in cores]
    shares = [json.loads(process.communicate()[0]) for process in processes]
    parts = {name: sum(share[name] for share in shares) for name in shares[0]}
    return {"plain": plain, "ours": ours, "best": sum(parts.values()) / len(cores), **parts}


def main() -> None:
    """Print a table, or JSON. `--alone` and `--core` are for the processes of "best"."""
    parser = argparse.ArgumentParser(
        description="One full pass against a plain script and against the best that the cores could do."
    )
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--copies", type=int, default=1, help="distinct copies of every file")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    bundle = load_bundle(default_folder())
    if options.alone:
        cores = sorted(os.sched_getaffinity(0))
        paths = sorted(path for path in options.alone.rglob("*") if path.is_file())
        share = paths[cores.index(options.core) :: len(cores)]
        os.sched_setaffinity(0, {options.core})
        print(json.dumps(time_work_alone(share, bundle)))
        return
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        scripts = install(work / "installed")
        paths = copy_corpus(options.corpus, options.copies, work / "root")
        rounds = [measure(scripts, work / "root", work) for _ in range(options.rounds)]
        parts = pass_core_seconds([*pass_command(scripts, work / "root", work / "ours"), "--verbose"], os.environ)
        parts["bare"] = bare_core_seconds(scripts / "python", default_folder() / "model.onnx")
    report(rounds, parts, len(paths), as_json=options.json)


def report(rounds: list[dict[str, float]], parts: dict[str, float], files: int, *, as_json: bool) -> None:
    """Print medians, the range of each ratio, and the remaining core seconds of one more pass."""
    median = medians(rounds)
    speedups = [figures["plain"] / figures["ours"] for figures in rounds]
    shares = [figures["best"] / figures["ours"] for figures in rounds]
    times_plain, of_best = statistics.median(speedups), statistics.median(shares)
    if as_json:
        print(json.dumps({"files": files, **median, "times_plain": times_plain, "of_best": of_best, "parts": parts}))
        return
    print(f"{files} files, {len(rounds)} rounds, {len(os.sched_getaffinity(0))} cores; medians")
    for name in ("plain", "ours", "best"):
        print(f"  {name:<6} {median[name]:7.2f} s  {files / median[name]:7.1f} files/s")
    core_seconds = ", ".join(f"{part} {median[part]:.2f}" for part in ("read", "hash", "decode", "infer"))
    print(f"  best, in core seconds: {core_seconds}")
    print(f"  ours is {min(speedups):.2f} … {times_plain:.2f} … {max(speedups):.2f} times as fast as the plain script")
    print(f"  ours reaches {min(shares):.0%} … {of_best:.0%} … {max(shares):.0%} of the best")
    print(f"  overhead of one more pass of {parts['wall']:.2f} s, in core seconds: {overhead_text(parts, median)}")
    print(f"  two bare interpreters that load the same libraries and the model take {parts['bare']:.2f} of it")


if __name__ == "__main__":
    main()

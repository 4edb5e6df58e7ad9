"""Measure the delay from a complete file to a `similar` answer that contains it.

    python -m tools.bench.latency [--files 200] [--json]

Files are written to a watched directory one by one. The delay runs from the close of the new file to the first answer
over the service's socket that contains it.
"""

import argparse
import base64
import contextlib
import io
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from catalog.client.service import ask_service
from catalog.store.database import Database
from catalog.store.vectors import unpack_vectors
from tools.bench.harness import SCRIPTS, init_catalog, percentile_99

VECTOR_QUERY = (
    "SELECT v.content, v.data, m.dims, m.digest FROM file f JOIN vector v ON v.content = f.content"
    " JOIN model m ON m.id = v.model WHERE f.name = ?"
)
POLL_SECONDS = 0.01
TIMEOUT_SECONDS = 30.0
START_TIMEOUT_SECONDS = 120.0


def random_jpeg(number: int) -> bytes:
    """Return a JPEG of smooth random fields; each number gives another image."""
    rng = np.random.default_rng(number)
    small = rng.integers(0, 256, (6, 8, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(small).resize((800, 600), Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
    return out.getvalue()


def seconds_until_found(path: Path, data: bytes, state: Path, database: Database) -> float:
    """Write one file; return the seconds until a search for its vector finds it, infinity after TIMEOUT_SECONDS."""
    path.write_bytes(data)
    complete = time.perf_counter()
    while time.perf_counter() - complete < TIMEOUT_SECONDS:
        row = database.row(VECTOR_QUERY, os.fsencode(path.name))
        if row is not None:
            content, data, dims, digest = row
            vector = base64.b64encode(unpack_vectors([data], dims)[0].tobytes()).decode("ascii")
            answer = ask_service(state, {"op": "similar", "model": digest, "vector": vector, "k": 1})
            if answer and [hit for hit, *_ in answer.get("hits", [])] == [content]:
                return time.perf_counter() - complete
        time.sleep(POLL_SECONDS)
    return float("inf")


def main() -> None:
    """Print the median, the 99th percentile and the longest delay."""
    parser = argparse.ArgumentParser(description="From a complete file to an answer that contains it.")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        times = sorted(measure(Path(folder), options.files))
    figures = {
        "files": len(times),
        "p50": statistics.median(times),
        "p99": percentile_99(times),
        "worst": times[-1],
    }
    if options.json:
        print(json.dumps(figures))
    else:
        print("{files} files: p50 {p50:.2f} s, p99 {p99:.2f} s, worst {worst:.2f} s".format(**figures))


def measure(work: Path, files: int) -> list[float]:
    """Start a service on an empty root in `work`; return the delay of each file."""
    root, state = work / "root", work / "state"
    root.mkdir()
    config = init_catalog(work, root)
    (root / "first.jpg").write_bytes(random_jpeg(1 << 20))
    log = work / "catalogd.log"
    with log.open("wb") as stderr:
        service = subprocess.Popen([SCRIPTS / "catalogd", "--config", config], stderr=stderr)
    try:
        with contextlib.closing(Database(state / "catalog.db", write=False)) as database:
            wait_for_first_vector(service, database, log)
            return [
                seconds_until_found(root / f"{number:04}.jpg", random_jpeg(number), state, database)
                for number in range(files)
            ]
    finally:
        service.terminate()
        service.wait(60)


def wait_for_first_vector(service: "subprocess.Popen[bytes]", database: Database, log: Path) -> None:
    """Wait until first.jpg has a vector. Exits with the end of the service's log where it stops, or takes too long."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while database.row(VECTOR_QUERY, b"first.jpg") is None:
        if service.poll() is not None:
            problem = f"catalogd stopped during start-up with exit code {service.returncode}"
        elif time.monotonic() > deadline:
            problem = f"catalogd has embedded no image {START_TIMEOUT_SECONDS:.0f} seconds after its start"
        else:
            time.sleep(0.1)
            continue
        raise SystemExit(f"{problem}; the end of its log:\n{log.read_text(errors='replace')[-2000:]}")


if __name__ == "__main__":
    main()

"""How long after a file is complete does `similar` find it? Drops files into a watched directory, one by one.

    python -m tools.bench.latency [--files 200] [--json]

Measured from the close of the new file to the first answer over the service's socket that names it.
"""

import argparse
import base64
import io
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from catalog.client.service import ask_service
from catalog.store.database import Database
from catalog.store.vectors import unpack_vectors

VECTOR_QUERY = (
    "SELECT v.content, v.data, m.dims, m.digest FROM file f JOIN vector v ON v.content = f.content"
    " JOIN model m ON m.id = v.model WHERE f.name = ?"
)
POLL_SECONDS = 0.01
GIVE_UP_SECONDS = 30.0


def random_jpeg(number: int) -> bytes:
    """A JPEG unlike any other: smooth random fields."""
    rng = np.random.default_rng(number)
    small = rng.integers(0, 256, (6, 8, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(small).resize((800, 600), Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
    return out.getvalue()


def seconds_until_found(path: Path, data: bytes, state: Path, database: Database) -> float:
    """Write one file; wait until it is the answer to the question for its own vector."""
    path.write_bytes(data)
    complete = time.perf_counter()
    while time.perf_counter() - complete < GIVE_UP_SECONDS:
        row = database.row(VECTOR_QUERY, os.fsencode(path.name))
        if row is not None:
            wire = base64.b64encode(unpack_vectors([row[1]], row[2])[0].tobytes()).decode("ascii")
            answer = ask_service(state, {"op": "similar", "model": row[3], "vector": wire, "k": 1})
            if answer and answer.get("hits") and answer["hits"][0][0] == row[0]:
                return time.perf_counter() - complete
        time.sleep(POLL_SECONDS)
    return float("inf")


def main() -> None:
    """Print p50, p99 and the worst."""
    parser = argparse.ArgumentParser(description="From a complete file to an answer that names it.")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        times = sorted(measure(Path(folder), given.files))
    figures = {
        "files": len(times),
        "p50": statistics.median(times),
        "p99": times[min(len(times) - 1, int(0.99 * len(times)))],
        "worst": times[-1],
    }
    if given.json:
        print(json.dumps(figures))
    else:
        print("{files} files: p50 {p50:.2f} s, p99 {p99:.2f} s, worst {worst:.2f} s".format(**figures))


def measure(work: Path, files: int) -> list[float]:
    """Start a service of its own and drop the files."""
    root, state, config = work / "root", work / "state", work / "config.toml"
    root.mkdir()
    scripts = Path(sys.executable).parent
    subprocess.run(
        [scripts / "catalog", "init", "--config", config, "--state", state, root], check=True, capture_output=True
    )
    (root / "first.jpg").write_bytes(random_jpeg(1 << 20))
    service = subprocess.Popen([scripts / "catalogd", "--config", config], stderr=subprocess.DEVNULL)
    try:
        database = Database(state / "catalog.db", write=False)
        while database.row(VECTOR_QUERY, b"first.jpg") is None:
            time.sleep(0.1)
        return [
            seconds_until_found(root / f"{number:04}.jpg", random_jpeg(number), state, database)
            for number in range(files)
        ]
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(60)


if __name__ == "__main__":
    main()

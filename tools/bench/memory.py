"""Is memory flat? Peak memory of a pass over many small files against one over a tenth of them.

    python -m tools.bench.memory [--files 100000] [--json]

The index holds every vector by design, so its own growth (vectors and graph) is taken off, and printed.
"""

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

BYTES_PER_VECTOR = 256 * 4 + 150  # float32 plus the graph's links: what hnswlib holds for each

FILES_PER_DIRECTORY = 1000


def write_files(root: Path, files: int) -> None:
    """Small PNG pictures, each of its own content."""
    for number in range(files):
        if number % FILES_PER_DIRECTORY == 0:
            folder = root / f"{number // FILES_PER_DIRECTORY:04}"
            folder.mkdir(parents=True)
        pixels = np.random.default_rng(number).integers(0, 256, (4, 6, 3), np.uint8)
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "PNG", compress_level=1)
        (folder / f"{number:07}.png").write_bytes(out.getvalue())


def peak_memory(process: "subprocess.Popen[bytes]") -> float:
    """Wait for the end; returns the service's own greatest resident size, in bytes."""
    most = 0
    while process.poll() is None:
        try:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        except OSError:
            break
        most = max([most, *(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))])
        time.sleep(0.05)
    process.wait()
    return most * 1024.0


def measure_pass(work: Path, files: int) -> tuple[float, float]:
    """Peak bytes and seconds of one pass."""
    root, state, config = work / "root", work / "state", work / "config.toml"
    write_files(root, files)
    scripts = Path(sys.executable).parent
    subprocess.run(
        [scripts / "catalog", "init", "--config", config, "--state", state, root], check=True, capture_output=True
    )
    started = time.perf_counter()
    process = subprocess.Popen([scripts / "catalogd", "--once", "--config", config], stderr=subprocess.DEVNULL)
    most = peak_memory(process)
    if process.returncode:
        raise SystemExit(f"the pass ended with {process.returncode}")
    return most, time.perf_counter() - started


def main() -> None:
    """Print both peaks and their ratio."""
    parser = argparse.ArgumentParser(description="Peak memory of a pass, by number of files.")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    peaks, seconds = [], []
    for files in (given.files // 10, given.files):
        with tempfile.TemporaryDirectory() as folder:
            most, took = measure_pass(Path(folder), files)
        peaks.append(most)
        seconds.append(took)
    less = [
        most - files * BYTES_PER_VECTOR for most, files in zip(peaks, (given.files // 10, given.files), strict=True)
    ]
    figures = {
        "files": given.files,
        "small": peaks[0],
        "large": peaks[1],
        "ratio": less[1] / less[0],
        "ratio_with_index": peaks[1] / peaks[0],
        "files_per_second": given.files / seconds[1],
    }
    if given.json:
        print(json.dumps(figures))
        return
    print(f"{given.files // 10} files: {peaks[0] / 1e6:.0f} MB at most; {given.files} files: {peaks[1] / 1e6:.0f} MB")
    print(f"ratio {figures['ratio']:.2f} without the index's own vectors, {figures['ratio_with_index']:.2f} with them")
    print(f"{figures['files_per_second']:.0f} files/s")


if __name__ == "__main__":
    main()

"""Compare the peak memory of a pass over many small files with that of a pass over a tenth of them.

    python -m tools.bench.memory [--files 100000] [--json]

The index holds every vector by design: the ratio is printed without its vectors and graph, and with them.
"""

import argparse
import io
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from tools.bench.harness import SCRIPTS, init_catalog

BYTES_PER_VECTOR = 256 * 4 + 150  # float32 plus the graph's links: what hnswlib holds for each
FILES_PER_DIRECTORY = 1000


def write_files(root: Path, files: int) -> None:
    """Write small PNG files, each with different pixels."""
    for number in range(files):
        if number % FILES_PER_DIRECTORY == 0:
            folder = root / f"{number // FILES_PER_DIRECTORY:04}"
            folder.mkdir(parents=True)
        pixels = np.random.default_rng(number).integers(0, 256, (4, 6, 3), np.uint8)
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "PNG", compress_level=1)
        (folder / f"{number:07}.png").write_bytes(out.getvalue())


def peak_memory(process: "subprocess.Popen[bytes]") -> float:
    """Wait for the service to end; return the peak resident size of its main process, in bytes."""
    peak = 0
    while process.poll() is None:
        try:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        except OSError:
            break
        peak = max([peak, *(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))])
        time.sleep(0.05)
    process.wait()
    return peak * 1024.0


def measure_pass(work: Path, files: int) -> tuple[float, float]:
    """Return the peak bytes and the seconds of one pass."""
    root = work / "root"
    write_files(root, files)
    config = init_catalog(work, root)
    started = time.perf_counter()
    process = subprocess.Popen([SCRIPTS / "catalogd", "--once", "--config", config], stderr=subprocess.DEVNULL)
    peak = peak_memory(process)
    if process.returncode:
        raise SystemExit(f"`catalogd --once` failed with exit code {process.returncode}")
    return peak, time.perf_counter() - started


def main() -> None:
    """Print both peaks and their ratio, or JSON."""
    parser = argparse.ArgumentParser(description="Peak memory of a pass, by number of files.")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    counts = (options.files // 10, options.files)
    peaks, seconds = [], []
    for files in counts:
        with tempfile.TemporaryDirectory() as folder:
            peak, elapsed = measure_pass(Path(folder), files)
        peaks.append(peak)
        seconds.append(elapsed)
    without_index = [peak - files * BYTES_PER_VECTOR for peak, files in zip(peaks, counts, strict=True)]
    figures = {
        "files": options.files,
        "small": peaks[0],
        "large": peaks[1],
        "ratio": without_index[1] / without_index[0],
        "ratio_with_index": peaks[1] / peaks[0],
        "files_per_second": options.files / seconds[1],
    }
    if options.json:
        print(json.dumps(figures))
        return
    small, large = (f"{files} files: {peak / 1e6:.0f} MB" for files, peak in zip(counts, peaks, strict=True))
    print(f"peak memory, {small}; {large}")
    print(f"ratio {figures['ratio']:.2f} without the index's vectors, {figures['ratio_with_index']:.2f} with them")
    print(f"{figures['files_per_second']:.0f} files/s")


if __name__ == "__main__":
    main()

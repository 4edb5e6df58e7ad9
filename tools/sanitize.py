"""Run the C extensions under AddressSanitizer and UBSan on mutated input: `python -m tools.sanitize --seconds 600`.

Every C file of models/native is compiled with both sanitizers into a temporary copy of the project. A second process
feeds it mutated JPEG files and rows until the time is up. Exits with 1 if a sanitizer reports anything.
"""

import argparse
import importlib
import io
import os
import random
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HOME = Path(__file__).parents[1]
NATIVE = Path("models", "native")
FLAGS = (
    *("-g", "-O1", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    *("-shared", "-fPIC", "-DPy_LIMITED_API=0x030B0000", "-fno-math-errno"),
)
MAX_PIXELS = 1 << 20
EIGHTHS = (0, 1, 2, 4, 8)
Random = random.Random
Target = Callable[[Random], object]


def build(folder: Path) -> None:
    """Copy `models` and `tools` into `folder`, with the C files compiled under sanitizers. Exits where gcc fails."""
    for package in ("models", "tools"):
        shutil.copytree(HOME / package, folder / package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    for source in sorted((folder / NATIVE).glob("*.c")):
        include = f"-I{sysconfig.get_paths()['include']}"
        module = source.with_suffix(".abi3.so")
        gcc = subprocess.run(["gcc", *FLAGS, include, str(source), "-lm", "-o", str(module)], check=False)
        if gcc.returncode:
            sys.exit(f"gcc cannot build {source.name} with sanitizers\nInstall gcc with libasan and libubsan.")


def run_fuzz(folder: Path, seconds: float, seed: int) -> int:
    """Fuzz the build in `folder` in a process of its own; return its exit code."""
    libraries = [
        subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    # CPython does not free all objects at exit: every leak reported would be its own.
    environment = {
        **os.environ,
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",  # otherwise small overruns stay undetected inside Python's pools
        "PYTHONPATH": str(folder),
    }
    call = [sys.executable, "-m", "tools.sanitize", "--fuzz", "--seconds", str(seconds), "--seed", str(seed)]
    return subprocess.run(call, cwd=folder, env=environment, check=False).returncode


def fuzz(seconds: float, seed: int) -> None:
    """Call every target with mutated input until `seconds` are over, and print how many calls that were."""
    rng = Random(seed)
    targets = fuzz_targets(rng)
    end, calls = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for target in targets:
            target(rng)
            calls += 1
    print(f"{calls} calls of {len(targets)} targets, seed {seed}: no problems found")


def fuzz_targets(rng: Random) -> list[Target]:
    """Return a function for each entry point of the C extensions."""
    walk = importlib.import_module("models.native.entropy").walk
    seeds = jpeg_seeds(rng)
    targets: list[Target] = [lambda r: walk(mutate(r, r.choice(seeds)), MAX_PIXELS, r.choice(EIGHTHS))]
    if (HOME / NATIVE / "rows.c").exists():
        targets += _row_targets()
    return targets


def _row_targets() -> list[Target]:
    import numpy as np

    rows = importlib.import_module("models.native.rows")

    def average(r: Random) -> object:
        width, pixel_bytes = r.randrange(1, 70), r.choice((1, 2, 3, 4))
        data = bytearray(r.randbytes(r.randrange(1, 40) * (width * pixel_bytes + 1)))
        data[:: width * pixel_bytes + 1] = bytes(r.randrange(5) for _ in data[:: width * pixel_bytes + 1])
        palette = r.choice((b"", r.randbytes(768)))
        return rows.average(data, width, pixel_bytes, r.randrange(1, 20), r.randrange(1, 20), palette)

    def first_bad_row(r: Random) -> object:
        data, count = r.randbytes(r.randrange(1, 500)), r.randrange(1, 20)
        starts = np.array([r.randrange(-5, 510) for _ in range(count)], np.int64)
        lengths = np.array([r.randrange(-5, 200) for _ in range(count)], np.int64)
        return rows.first_bad_row(data, starts, lengths, r.randrange(200), r.choice((0, 1, 2)))

    return [
        lambda r: rows.unfilter(bytearray(r.randbytes(r.randrange(1, 3000))), r.randrange(1, 90), r.randrange(1, 9)),
        lambda r: rows.steps(r.randbytes(r.randrange(2000)), r.randrange(100)),
        average,
        first_bad_row,
    ]


def jpeg_seeds(rng: Random) -> list[bytes]:
    """Return small JPEG files: grey, colour and CMYK; baseline, progressive, subsampled, with restart markers."""
    from PIL import Image

    seeds = []
    for mode in ("L", "RGB", "CMYK"):
        image = Image.frombytes(mode, (67, 45), rng.randbytes(67 * 45 * len(mode)))
        for options in ({}, {"progressive": True}, {"subsampling": 2}, {"restart_marker_blocks": 3}, {"quality": 5}):
            stream = io.BytesIO()
            image.save(stream, "JPEG", **options)
            seeds.append(stream.getvalue())
    return seeds


def mutate(rng: Random, data: bytes) -> bytes:
    """Return `data` with one to eight changes: bytes replaced, bits flipped, parts removed, doubled or cut off."""
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 9)):
        place, length = rng.randrange(len(changed)), rng.randrange(1, 20)
        kind = rng.randrange(5)
        if kind == 0:
            changed[place] = rng.choice((0, 255, rng.randrange(256)))
        elif kind == 1:
            changed[place] ^= 1 << rng.randrange(8)
        elif kind == 2 and len(changed) > length + 1:
            del changed[place : place + length]
        elif kind == 3:
            changed[place:place] = changed[place : place + length]
        elif rng.random() < 0.1:
            del changed[max(2, place) :]
    return bytes(changed)


def main() -> None:
    """Build and fuzz; `--fuzz` is for the second process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None, help="of the mutations (default: the time)")
    parser.add_argument("--fuzz", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else time.time_ns() % (1 << 32)
    if options.fuzz:
        fuzz(options.seconds, seed)
        return
    with tempfile.TemporaryDirectory() as name:
        build(Path(name))
        sys.exit(1 if run_fuzz(Path(name), options.seconds, seed) else 0)


if __name__ == "__main__":
    main()

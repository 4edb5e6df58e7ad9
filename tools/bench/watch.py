"""Measure the cost of watching: start, memory, check, events per second, and a queue overflow.

Run as `python -m tools.bench.watch [--directories 100000] [--files 20000] [--in DIR]`; DIR needs as many inodes.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable

from daemon.watch.hints import Dirty, Hint, Rescan
from daemon.watch.inotify import Inotify, InotifyEvent
from daemon.watch.observer import Watcher
from tools.bench.harness import wall_seconds

Figures = dict[str, float]


def main() -> int:
    """Print the figures as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directories", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument(
        "--in", dest="parent", default=None, help="parent of the tree (default: the temporary directory)"
    )
    options = parser.parse_args()
    root = os.fsencode(tempfile.mkdtemp(prefix="bench-watch-", dir=options.parent))
    try:
        make_directories(root, options.directories)
        print(json.dumps(measure(root, options.files), indent=2))
    finally:
        shutil.rmtree(root)
    return 0


def make_directories(root: bytes, directories: int) -> None:
    """Make `directories` directories below `root`, 1,000 to a parent, with names as long as real ones."""
    made = 0
    while made < directories:
        parent = b"%s/2024-%05d" % (root, made)
        os.mkdir(parent)
        made += 1
        for n in range(min(999, directories - made)):
            os.mkdir(b"%s/holiday-album-%05d" % (parent, n))
            made += 1


def measure(root: bytes, files: int) -> Figures:
    """Return the figures: times in seconds, sizes in bytes, CPU of this process as a share of one core."""
    hints: list[Hint] = []
    watcher = Watcher([root], hints.append)
    memory = resident_bytes()
    figures: Figures = {"start": wall_seconds(watcher.start)}
    figures["check_that_counts"] = wall_seconds(watcher.check)
    coverage = watcher.check()[0]
    figures |= {"directories": coverage.directories, "watched": coverage.watched}
    figures["bytes_a_watch"] = (resident_bytes() - memory) / coverage.directories
    figures["check"] = wall_seconds(watcher.check)
    figures["idle_cpu"] = cpu_of(lambda: time.sleep(2)) / 2
    figures |= measure_storm(root, files, hints)
    figures |= measure_overflow(root, hints)
    figures["rename_of_everything_below_one"] = time_rename(root, hints)
    figures["stop"] = wall_seconds(watcher.stop)
    return figures


def measure_storm(root: bytes, files: int, hints: list[Hint]) -> Figures:
    """Write files into one directory as fast as possible while the watcher reads its events."""
    folder = min(entry.path for entry in os.scandir(root))
    started, cpu, before = time.monotonic(), time.process_time(), len(hints)
    for n in range(files):
        with open(b"%s/%06d" % (folder, n), "wb"):
            pass
    written = time.monotonic() - started
    wait_for(hints, Dirty(b"%s/%06d" % (folder, files - 1), closed=True))
    seen, cpu_seconds = time.monotonic() - started, time.process_time() - cpu
    for n in range(files):
        os.unlink(b"%s/%06d" % (folder, n))
    return {
        "storm_files_a_second": files / written,
        "storm_hints_a_second": (len(hints) - before) / seen,
        "storm_lag": seen - written,
        "storm_cpu_us_a_hint": cpu_seconds / max(1, len(hints) - before) * 1e6,
    }


def measure_overflow(root: bytes, hints: list[Hint]) -> Figures:
    """Overflow the queue while the reader is held; measure the time to the next event, to the Rescan, and the CPU."""
    read, gate = Inotify.read, threading.Event()
    Inotify.read = lambda self, timeout: gated_read(gate, read, self, timeout)  # type: ignore[method-assign]
    time.sleep(1.2)  # the longest wait of the reader: from now on it waits at the gate
    for _ in range(20_000):
        os.mkfifo(b"%s/fifo" % root)
        os.unlink(b"%s/fifo" % root)
    del hints[:]
    started, cpu = time.monotonic(), time.process_time()
    gate.set()
    next_seen = time_first_seen(root, hints) - started
    wait_for(hints, Rescan(root, "overflow"))
    rescan, cpu_seconds = time.monotonic() - started, time.process_time() - cpu
    Inotify.read = read  # type: ignore[method-assign]
    return {
        "overflow_to_next_event": next_seen,
        "overflow_to_rescan": rescan,
        "overflow_cpu": cpu_seconds,
        "overflow_cpu_after": cpu_of(lambda: time.sleep(3)) / 3,
        "overflow_rescans": sum(isinstance(hint, Rescan) for hint in hints),
    }


def gated_read(
    gate: threading.Event, read: Callable[[Inotify, float], list[InotifyEvent]], inotify: Inotify, timeout: float
) -> list[InotifyEvent]:
    """Read events once the gate is open."""
    gate.wait()
    return read(inotify, timeout)


def time_first_seen(root: bytes, hints: list[Hint]) -> float:
    """Make a new file every 10 ms until a hint names one; return the time of that."""
    n = 0
    while True:
        path = b"%s/seen-%d" % (root, n)
        os.mkfifo(path)
        deadline = time.monotonic() + 0.01
        while time.monotonic() < deadline:
            if any(isinstance(hint, Dirty) and b"/seen-" in hint.path for hint in hints[-500:]):
                return time.monotonic()
            time.sleep(0.001)
        n += 1


def time_rename(root: bytes, hints: list[Hint]) -> float:
    """Return the seconds from the rename of a directory with 999 others to an event below its new name."""
    folder = min(entry.path for entry in os.scandir(root) if entry.is_dir())
    started = time.monotonic()
    os.rename(folder, folder + b"-moved")
    path = b"%s-moved/holiday-album-00000/after" % folder
    os.mkfifo(path)
    wait_for(hints, Dirty(path, closed=False))
    return time.monotonic() - started


def wait_for(hints: list[Hint], hint: Hint) -> None:
    """Wait for a hint. Raises TimeoutError after two minutes."""
    seen = 0
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        new = hints[seen:]
        if hint in new:
            return
        seen += len(new)
        time.sleep(0.001)
    raise TimeoutError(f"no such hint within two minutes: {hint}")


def cpu_of(act: Callable[[], object]) -> float:
    """Return the CPU seconds of this process during a call."""
    started = time.process_time()
    act()
    return time.process_time() - started


def resident_bytes() -> int:
    """Return the resident bytes of this process, without the kernel's, about 1 KiB per watch."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main())

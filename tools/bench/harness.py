"""Helpers that the benchmarks share: paths, a temporary catalog, timing, rates and medians."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"  # real files, beside the checkout
SCRIPTS = Path(sys.executable).parent  # the folder of `catalog` and `catalogd`


def init_catalog(folder: Path, root: Path, scripts: Path = SCRIPTS) -> Path:
    """Run `catalog init` for `root`, with state and configuration in `folder`; return the configuration file."""
    config = folder / "config.toml"
    command: list[str | Path] = [scripts / "catalog", "init", "--config", config, "--state", folder / "state", root]
    subprocess.run(command, check=True, capture_output=True)
    return config


def wall_seconds(act: Callable[[], object]) -> float:
    """Return the wall-clock seconds of one call."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def images_per_second(run: Callable[[np.ndarray], object], batch: np.ndarray, seconds: float) -> float:
    """Call `run` on the same batch for `seconds`, at least once; return images/s."""
    done, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds or not done:
        run(batch)
        done += len(batch)
    return done / elapsed


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median over all rounds of each figure."""
    return {name: statistics.median(figures[name] for figures in rounds) for name in rounds[0]}


def percentile_99(ascending: Sequence[float]) -> float:
    """Return the 99th percentile of sorted values."""
    return ascending[int(0.99 * len(ascending))]

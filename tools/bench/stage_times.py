"""Where the core seconds of one pass go: what its stages say of themselves, and what the kernel counts of all of it."""

import ctypes
import json
import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
SERVICE_IMPORTS = (
    "import apsw, click, structlog, numpy, hnswlib, onnxruntime, sys; onnxruntime.InferenceSession(sys.argv[1])"
)
READER_IMPORTS = "import apsw, numpy, PIL.Image, simplejpeg, deflate"
STAGE_TITLES = {"write": "catalog", "index": "index", "intake": "hand-over"}


def pass_core_seconds(command: Sequence[str | Path], environment: Mapping[str, str]) -> dict[str, float]:
    """Run `catalogd --once --verbose`; core seconds of its parts, and under "all" those of all its processes."""
    # Orphans become ours, and with them what they took: the service ends before those that read for it.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    before, started = _children_core_seconds(), time.perf_counter()
    done = subprocess.run(command, env=dict(environment), check=True, capture_output=True, text=True)
    wall = time.perf_counter() - started
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    told = [json.loads(line) for line in done.stderr.splitlines()]
    stages = {one["stage"]: one["core_seconds"] for one in told if one["event"] == "stage_ended"}
    at = {one["event"]: one["core_seconds"] for one in told if one["event"].startswith("service_")}
    parts = {name: stages.pop(stage) for stage, name in STAGE_TITLES.items()}
    embed = stages.pop("embed")
    # The runtime's own threads belong to no stage.
    native = at["service_ended"] - at["service_started"] - sum(parts.values()) - embed - sum(stages.values())
    parts |= {"start": at["service_started"], "embed": embed + native, "other stages": sum(stages.values())}
    everything = _children_core_seconds() - before
    readers = everything - at["service_ended"]
    idle = len(os.sched_getaffinity(0)) * wall - everything
    return parts | {"readers": readers, "idle": idle, "wall": wall}


def bare_core_seconds(python: Path, model: Path) -> float:
    """Core seconds of two interpreters that load what service and readers load from others, and open the model."""
    before, alone = (
        _children_core_seconds(),
        os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )  # threads that spin load nothing
    for code in (SERVICE_IMPORTS, READER_IMPORTS):
        subprocess.run([python, "-c", code, model], env=alone, check=True, capture_output=True)
    return _children_core_seconds() - before


def overhead_text(parts: Mapping[str, float], alone: Mapping[str, float]) -> str:
    """A line: what is left of each part once that is taken away which the same work takes alone."""
    rest = {
        "start of the service": parts["start"],
        "start of readers, and their overhead": parts["readers"] - alone["read"] - alone["hash"] - alone["decode"],
        "opening the model, and its overhead": parts["embed"] - alone["infer"],
        **{name: parts[name] for name in ("catalog", "hand-over", "index", "other stages", "idle")},
    }
    return ", ".join(f"{name} {seconds:.2f}" for name, seconds in rest.items())


def _children_core_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

"""Core seconds of one pass by part: from the log events of its stages, and from the kernel for all its processes."""

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
    """Run `catalogd --once --verbose`; return core seconds by part, "idle" among them, and "wall" in seconds.

    Makes the calling process a subreaper: do not call it where other children are waited for.
    """
    # The service ends before its readers: as their subreaper, this process is charged with their core seconds.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    before, started = _children_core_seconds(), time.perf_counter()
    done = subprocess.run(command, env=dict(environment), check=True, capture_output=True, text=True)
    wall = time.perf_counter() - started
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    stages = {event["stage"]: event["core_seconds"] for event in events if event["event"] == "stage_ended"}
    service = {event["event"]: event["core_seconds"] for event in events if event["event"].startswith("service_")}
    parts = {name: stages.pop(stage) for stage, name in STAGE_TITLES.items()}
    embed = stages.pop("embed")
    # ONNX Runtime's threads belong to no stage.
    native = service["service_ended"] - service["service_started"] - sum(parts.values()) - embed - sum(stages.values())
    parts |= {"start": service["service_started"], "embed": embed + native, "other stages": sum(stages.values())}
    everything = _children_core_seconds() - before
    readers = everything - service["service_ended"]
    idle = len(os.sched_getaffinity(0)) * wall - everything
    return parts | {"readers": readers, "idle": idle, "wall": wall}


def bare_core_seconds(python: Path, model: Path) -> float:
    """Return the core seconds of two interpreters that import what service and readers import; one opens the model."""
    before = _children_core_seconds()
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # without threads that spin
    for code in (SERVICE_IMPORTS, READER_IMPORTS):
        subprocess.run([python, "-c", code, model], env=environment, check=True, capture_output=True)
    return _children_core_seconds() - before


def overhead_text(parts: Mapping[str, float], alone: Mapping[str, float]) -> str:
    """Return one line: the core seconds of each part, less those that its work takes alone."""
    overhead = {
        "start of the service": parts["start"],
        "start of readers, and their overhead": parts["readers"] - alone["read"] - alone["hash"] - alone["decode"],
        "opening the model, and its overhead": parts["embed"] - alone["infer"],
        **{name: parts[name] for name in ("catalog", "hand-over", "index", "other stages", "idle")},
    }
    return ", ".join(f"{name} {seconds:.2f}" for name, seconds in overhead.items())


def _children_core_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

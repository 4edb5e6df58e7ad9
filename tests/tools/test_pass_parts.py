"""The core seconds of a pass by its log and by the kernel add up."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.running_service import RunningService, picture
from tools.bench.stage_times import STAGE_TITLES, overhead_text

SCRIPT = """
import json, os, sys
from tools.bench.stage_times import pass_core_seconds
command = [sys.executable, "-m", "daemon.cli", "--once", "--verbose", "--config", sys.argv[1]]
print(json.dumps(pass_core_seconds(command, os.environ)))
"""


def test_the_parts_of_a_pass_add_up(tmp_path: Path) -> None:
    """Runs in its own process, since it becomes a subreaper."""
    service = RunningService(tmp_path)
    for seed in range(12):
        (tmp_path / "root0" / f"{seed}.png").write_bytes(picture(seed))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, service.config_path], capture_output=True, text=True, check=True
    )
    parts = json.loads(done.stdout)
    assert set(parts) == {*STAGE_TITLES.values(), "start", "embed", "other stages", "readers", "idle", "wall"}
    everything = sum(seconds for name, seconds in parts.items() if name != "wall")
    assert abs(everything - len(os.sched_getaffinity(0)) * parts["wall"]) < 0.01
    assert parts["start"] > 0 and parts["embed"] > 0
    assert parts["readers"] > 0.05, "the forkserver alone takes longer to start"


def test_overhead_is_without_the_work_itself() -> None:
    parts = dict.fromkeys([*STAGE_TITLES.values(), "start", "other stages", "idle", "wall"], 0.5) | {
        "embed": 1.0,
        "readers": 3.0,
    }
    line = overhead_text(parts, {"read": 0.25, "hash": 0.25, "decode": 1.5, "infer": 0.75})
    assert "start of readers, and their overhead 1.00" in line
    assert "opening the model, and its overhead 0.25" in line
    assert "idle 0.50" in line

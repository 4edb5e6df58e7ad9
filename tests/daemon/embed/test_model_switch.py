"""A change of model: everything is embedded again while the old model answers, until the new one is promoted."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.context import CatalogContext
from catalog.status import collect_status
from tests.support.model_switch import configure_bundle, other_bundle
from tests.support.running_service import RunningService, picture
from tests.support.slow import mostly_slow
from tests.support.waiting import wait_until

PICTURES = 12
ROLES = "SELECT name, role FROM model WHERE role IS NOT NULL ORDER BY role"


def owed(service: RunningService) -> int:
    """Count contents on disk without a live vector of the current model."""
    return int(
        service.rows(
            "SELECT count(*) FROM content c WHERE refs > 0 AND NOT EXISTS (SELECT 1 FROM vector v"
            " JOIN model m ON m.id = v.model WHERE v.content = c.id AND v.live = 1 AND m.role = 'current')"
        )[0][0]
    )


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    made = RunningService(tmp_path)
    for seed in range(PICTURES):
        made.path(f"{seed}.png").write_bytes(picture(seed))
    assert made.once().returncode == 0
    yield made
    made.close()


def test_one_pass_ends_with_the_new_model_and_keeps_the_old_vectors(service: RunningService, tmp_path: Path) -> None:
    configure_bundle(service, other_bundle(tmp_path / "other"))
    assert service.once().returncode == 0
    assert service.rows(ROLES) == [("other", "current")]
    assert service.rows("SELECT count(*) FROM vector") == [(2 * PICTURES,)]
    assert owed(service) == 0
    assert service.findings() == []


LIVES = """
import sys, weakref
import daemon.supervisor
lives = []
class Counted(daemon.supervisor.Service):
    def __init__(self, *given):
        super().__init__(*given)
        lives.append(weakref.ref(self))
        print("alive:", sum(life() is not None for life in lives))
daemon.supervisor.Service = Counted
daemon.supervisor.run_service(sys.argv[1], once=True, verbose=False)
"""


def test_the_old_service_is_freed_before_the_next_one_is_assembled(service: RunningService, tmp_path: Path) -> None:
    configure_bundle(service, other_bundle(tmp_path / "other"))
    done = subprocess.run(
        [sys.executable, "-c", LIVES, str(service.config_path)], capture_output=True, text=True, timeout=100
    )
    assert done.stdout.splitlines() == ["alive: 1", "alive: 1"], done.stderr


def test_switching_back_computes_nothing(service: RunningService, tmp_path: Path) -> None:
    configure_bundle(service, other_bundle(tmp_path / "other"))
    service.once()
    configure_bundle(service, tmp_path / "bundle")
    assert service.once().returncode == 0
    assert service.rows(ROLES) == [("tiny", "current")]
    assert service.rows("SELECT count(*) FROM vector") == [(2 * PICTURES,)]
    assert service.findings() == []


def test_a_running_service_answers_during_a_switch(service: RunningService, tmp_path: Path) -> None:
    service.start()
    configure_bundle(service, other_bundle(tmp_path / "other"))
    service.signal(signal.SIGHUP)
    service.path("late.png").write_bytes(picture(99))
    assert wait_until(lambda: service.rows(ROLES) == [("other", "current")]), service.tail()
    assert wait_until(lambda: not service.busy() and owed(service) == 0), service.tail()
    assert service.alive
    assert service.stop() == 0
    assert service.findings() == []


def test_a_model_that_fails_its_goldens_does_not_become_current(service: RunningService, tmp_path: Path) -> None:
    folder = other_bundle(tmp_path / "other")
    with (folder / "goldens" / "golden.png").open("wb") as file:
        file.write(picture(-2))
    configure_bundle(service, folder)
    done = service.once()
    assert done.returncode == 4
    assert "not attested" in done.stderr
    assert ("tiny", "current") in service.rows(ROLES)
    assert service.findings() == []


def test_status_reports_the_progress_of_the_next_model(service: RunningService, tmp_path: Path) -> None:
    folder = other_bundle(tmp_path / "other")
    with (folder / "goldens" / "golden.png").open("wb") as file:
        file.write(picture(-2))
    configure_bundle(service, folder)
    service.once()  # prepared, and refused: it stays the next one
    asking = CatalogContext(service.config)
    told = collect_status(asking)["model"]["next"]
    assert (told["name"], told["done"], told["total"]) == ("other", 0, PICTURES)
    service.start()
    assert wait_until(lambda: "not attested" in collect_status(asking)["model"]["next"]["problem"]), service.tail()


def test_a_truncated_bundle_leaves_the_old_model_running(service: RunningService, tmp_path: Path) -> None:
    folder = other_bundle(tmp_path / "other")
    graph = folder / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-20])
    service.start()
    configure_bundle(service, folder)
    service.signal(signal.SIGHUP)
    assert wait_until(lambda: "reload_refused" in service.tail()), service.tail()
    assert service.alive
    assert service.stop() == 0
    service.start()  # also from its start on, with the words in its status
    assert "was altered or cut" in json.dumps(service.live())
    assert ("tiny", "current") in service.rows(ROLES)


@pytest.mark.parametrize("place", mostly_slow(["switch", "switched", "index.save", "index.saved", "embed.batch"]))
def test_after_a_kill_either_the_old_or_the_new_model_is_complete(
    service: RunningService, tmp_path: Path, place: str
) -> None:
    configure_bundle(service, other_bundle(tmp_path / "other"))
    service.once(CATALOGD_KILL_AT=place)
    assert len([role for _, role in service.rows(ROLES) if role == "current"]) == 1
    assert owed(service) == 0
    assert service.once().returncode == 0
    assert service.rows(ROLES) == [("other", "current")]
    assert owed(service) == 0
    assert service.findings() == []

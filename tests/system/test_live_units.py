"""The units under a real systemd: what no reading of them proves."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.namespaced_systemd import Managed
from tests.support.running_service import picture

# A clone that lies in /tmp would be hidden from its own units.
SEEN = "PrivateTmp=no\nReadWritePaths=/tmp\n" if sys.prefix.startswith(("/tmp/", "/var/tmp/")) else ""
QUICK = {"catalogd": "RestartSec=3\nWatchdogSec=6\n"}  # sooner than a person would have it
PICTURES = 12
OWN_DROP_IN = "/etc/systemd/system/catalogd.service.d/override.conf"


@pytest.fixture
def managed(tmp_path: Path) -> Iterator[Managed]:
    manager = Managed(tmp_path)
    yield manager
    manager.close()


def add_images(managed: Managed) -> None:
    """Pictures, and what the test changes of the units."""
    for number in range(PICTURES):
        (managed.shared / f"{number}.png").write_bytes(picture(number))
    managed.run("sh", "-c", f"mkdir /srv/pictures && cp {managed.shared}/*.png /srv/pictures")
    for unit in ("catalogd", "catalog-scrub", "catalog-report"):
        drop_in = f"[Service]\n{SEEN}{QUICK.get(unit, '')}"
        place = f"/etc/systemd/system/{unit}.service.d"
        managed.run("sh", "-c", f"mkdir -p {place} && printf '{drop_in}' > {place}/override.conf")


def healthy(managed: Managed, files: int) -> bool:
    """Whether the service runs and knows that many."""
    told = managed.run("catalog", "status", "--json")
    return bool(told.stdout) and json.loads(told.stdout)["files"]["ok"] == files and running(managed)


def running(managed: Managed) -> bool:
    return managed.ask("is-active", "catalogd") == "active"


def files_told(managed: Managed) -> int:
    """How many files the service has read by its own word; -1 while it has said nothing."""
    words = managed.ask("show", "catalogd", "-P", "StatusText").split()
    return int(words[0]) if words else -1


@pytest.mark.timeout(300)
def test_a_machine_is_guarded_from_installation_to_removal(managed: Managed) -> None:
    add_images(managed)
    assert managed.run("catalog", "init", "/srv/pictures").returncode == 0
    installed = managed.run("catalog", "service", "install", "--run-as", "root")
    assert installed.returncode == 0, installed.stderr + managed.ask("status", "-l", "catalogd")
    assert managed.wait_until(lambda: healthy(managed, PICTURES)), managed.ask("status", "catalogd")

    (managed.shared / "new.png").write_bytes(picture(99))
    managed.run("cp", str(managed.shared / "new.png"), "/srv/pictures/new.png")
    assert managed.wait_until(lambda: healthy(managed, PICTURES + 1)), "a new file is seen through the sandbox"
    assert managed.run("systemctl", "reload", "catalogd").returncode == 0
    assert managed.wait_until(lambda: files_told(managed) > PICTURES), "what the manager shows is of now"

    for unit in ("catalog-scrub", "catalog-report"):
        ended = managed.run("systemctl", "start", unit)
        assert ended.returncode == 0, managed.ask("status", unit)
    assert managed.run("sh", "-c", "ls /var/lib/catalogd/reports/*.html").returncode == 0

    for signal, result in (("KILL", "signal"), ("STOP", "watchdog")):
        before = managed.ask("show", "catalogd", "-P", "MainPID")
        managed.run("kill", f"-{signal}", before)
        assert managed.wait_until(lambda why=result: managed.ask("show", "catalogd", "-P", "Result") == why)  # type: ignore[misc]
        assert managed.wait_until(lambda: healthy(managed, PICTURES + 1)), f"back after SIG{signal}"

    managed.run("touch", OWN_DROP_IN.replace("override", "20-mine"))
    assert managed.run("catalog", "service", "install", "--run-as", "root").returncode == 0, "the owner's files stay"
    assert managed.run("grep", "-q", "WatchdogSec=6", OWN_DROP_IN).returncode == 0
    assert managed.ask("show", "catalogd", "-P", "WatchdogUSec") == "6s", "the owner's drop-in has the last word"
    assert managed.ask("show", "catalogd", "-P", "CapabilityBoundingSet") == "cap_dac_read_search"

    assert managed.run("systemctl", "stop", "catalogd").returncode == 0
    assert managed.ask("show", "catalogd", "-P", "Result") == "success"
    assert managed.run("catalog", "check").returncode == 0
    assert managed.run("catalog", "service", "uninstall").returncode == 0
    assert managed.ask("show", "catalogd", "-P", "LoadState") == "not-found"
    assert managed.run("test", "-e", "/var/lib/catalogd/catalog.db").returncode == 0, "the catalog stays"
    left = managed.run("ls", "-1", os.path.dirname(OWN_DROP_IN)).stdout.split()
    assert left == ["20-mine.conf", "override.conf"], "so do the owner's drop-ins"

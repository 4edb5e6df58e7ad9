"""The units under a real systemd."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.namespaced_systemd import NamespacedSystemd
from tests.support.running_service import picture

# Units cannot see a clone in /tmp unless PrivateTmp is off.
TMP_VISIBLE = "PrivateTmp=no\nReadWritePaths=/tmp\n" if sys.prefix.startswith(("/tmp/", "/var/tmp/")) else ""
SHORT_TIMES = {"catalogd": "RestartSec=3\nWatchdogSec=6\n"}  # so that the test need not wait
PICTURES = 12
OWN_DROP_IN = "/etc/systemd/system/catalogd.service.d/override.conf"


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[NamespacedSystemd]:
    made = NamespacedSystemd(tmp_path)
    yield made
    made.close()


def add_images(systemd: NamespacedSystemd) -> None:
    """Add images, and drop-ins with the settings that the test changes."""
    for number in range(PICTURES):
        (systemd.shared / f"{number}.png").write_bytes(picture(number))
    systemd.run("sh", "-c", f"mkdir /srv/pictures && cp {systemd.shared}/*.png /srv/pictures")
    for unit in ("catalogd", "catalog-scrub", "catalog-report"):
        drop_in = f"[Service]\n{TMP_VISIBLE}{SHORT_TIMES.get(unit, '')}"
        folder = f"/etc/systemd/system/{unit}.service.d"
        systemd.run("sh", "-c", f"mkdir -p {folder} && printf '{drop_in}' > {folder}/override.conf")


def healthy(systemd: NamespacedSystemd, files: int) -> bool:
    """Return whether the service runs and this many files are ok."""
    status = systemd.run("catalog", "status", "--json")
    return bool(status.stdout) and json.loads(status.stdout)["files"]["ok"] == files and running(systemd)


def running(systemd: NamespacedSystemd) -> bool:
    return systemd.systemctl("is-active", "catalogd") == "active"


def files_in_status_text(systemd: NamespacedSystemd) -> int:
    """Return the number of files in the status text that the service sent; -1 before the first."""
    words = systemd.systemctl("show", "catalogd", "-P", "StatusText").split()
    return int(words[0]) if words else -1


@pytest.mark.timeout(300)
def test_a_machine_is_guarded_from_installation_to_removal(systemd: NamespacedSystemd) -> None:
    add_images(systemd)
    assert systemd.run("catalog", "init", "/srv/pictures").returncode == 0
    installed = systemd.run("catalog", "service", "install", "--run-as", "root")
    assert installed.returncode == 0, installed.stderr + systemd.systemctl("status", "-l", "catalogd")
    assert systemd.wait_until(lambda: healthy(systemd, PICTURES)), systemd.systemctl("status", "catalogd")

    (systemd.shared / "new.png").write_bytes(picture(99))
    systemd.run("cp", str(systemd.shared / "new.png"), "/srv/pictures/new.png")
    assert systemd.wait_until(lambda: healthy(systemd, PICTURES + 1)), "a new file is seen through the sandbox"
    assert systemd.run("systemctl", "reload", "catalogd").returncode == 0
    assert systemd.wait_until(lambda: files_in_status_text(systemd) > PICTURES), "what the made shows is of now"

    for unit in ("catalog-scrub", "catalog-report"):
        ended = systemd.run("systemctl", "start", unit)
        assert ended.returncode == 0, systemd.systemctl("status", unit)
    assert systemd.run("sh", "-c", "ls /var/lib/catalogd/reports/*.html").returncode == 0

    for signal, result in (("KILL", "signal"), ("STOP", "watchdog")):
        before = systemd.systemctl("show", "catalogd", "-P", "MainPID")
        systemd.run("kill", f"-{signal}", before)
        assert systemd.wait_until(
            lambda expected=result: systemd.systemctl("show", "catalogd", "-P", "Result") == expected
        )  # type: ignore[misc]
        assert systemd.wait_until(lambda: healthy(systemd, PICTURES + 1)), f"back after SIG{signal}"

    systemd.run("touch", OWN_DROP_IN.replace("override", "20-mine"))
    assert systemd.run("catalog", "service", "install", "--run-as", "root").returncode == 0, "the owner's files stay"
    assert systemd.run("grep", "-q", "WatchdogSec=6", OWN_DROP_IN).returncode == 0
    assert systemd.systemctl("show", "catalogd", "-P", "WatchdogUSec") == "6s", "the owner's drop-in has the last word"
    assert systemd.systemctl("show", "catalogd", "-P", "CapabilityBoundingSet") == "cap_dac_read_search"

    assert systemd.run("systemctl", "stop", "catalogd").returncode == 0
    assert systemd.systemctl("show", "catalogd", "-P", "Result") == "success"
    assert systemd.run("catalog", "check").returncode == 0
    assert systemd.run("catalog", "service", "uninstall").returncode == 0
    assert systemd.systemctl("show", "catalogd", "-P", "LoadState") == "not-found"
    assert systemd.run("test", "-e", "/var/lib/catalogd/catalog.db").returncode == 0, "the catalog stays"
    left = systemd.run("ls", "-1", os.path.dirname(OWN_DROP_IN)).stdout.split()
    assert left == ["20-mine.conf", "override.conf"], "so do the owner's drop-ins"

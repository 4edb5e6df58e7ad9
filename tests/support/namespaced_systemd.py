"""A systemd of the test's own: in its own namespaces, over a throw-away copy of the whole file system."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SYSTEMD = Path("/lib/systemd/systemd")
REPOSITORY = Path(__file__).parents[2]
TIMEOUT_SECONDS = 90.0
BOOT = """
set -e
mount --make-rprivate /
mount -t tmpfs none "$1"
mkdir "$1/changed" "$1/work" "$1/root"
root="$1/root"
mount -t overlay none -o "lowerdir=/,upperdir=$1/changed,workdir=$1/work" "$root"
shift
mount -t proc none "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs none "$root/run"
for place in "$@"; do mkdir -p "$root$place"; mount --bind "$place" "$root$place"; done
rm -rf "$root"/{etc,lib}/systemd/system/*.{wants,requires} # no timer, no sysctl, no udev of this machine's own
printf '[Unit]\\nWants=systemd-journald.service\\n' > "$root/etc/systemd/system/test.target"
exec chroot "$root" env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=test.target --log-target=console
"""


class Managed:
    """Skips the test where no systemd can be had, or where one runs: the two would share their control groups."""

    def __init__(self, folder: Path) -> None:
        if os.geteuid() or not SYSTEMD.exists() or Path("/run/systemd/system").exists() or not shutil.which("unshare"):
            pytest.skip("needs root, and a systemd that does not run yet")
        self.shared = folder / "shared"  # what is written here is seen there; elsewhere each has its own files
        for made in (self.shared, folder / "overlay"):
            made.mkdir()
        places = {str(REPOSITORY), str(self.shared), sys.prefix, sys.base_prefix} - {"/usr"}
        self._log = (folder / "systemd.log").open("wb")
        alone = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc"]
        self._process = subprocess.Popen(
            [*alone, "bash", "-c", BOOT, "boot", str(folder / "overlay"), *sorted(places)],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._first = 0
        if not self.wait_until(lambda: self.ask("is-system-running") in ("running", "degraded"), 20):
            self.close()
            pytest.skip(f"systemd does not start here: {(folder / 'systemd.log').read_text()[-300:]}")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command beside that systemd, as root sees it."""
        inside = ["nsenter", "-t", str(self._init()), "-m", "-p", "-u", "-i", "-r", "-w"]
        path = f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"
        environment = ["env", "-i", f"PATH={path}", "HOME=/root", "LC_ALL=C.UTF-8"]
        return subprocess.run(
            [*inside, *environment, *command], capture_output=True, text=True, timeout=TIMEOUT_SECONDS
        )

    def ask(self, *words: str) -> str:
        """What `systemctl` says, whether it is content or not."""
        return self.run("systemctl", *words).stdout.strip()

    def wait_until(self, condition: Callable[[], bool], seconds: float = TIMEOUT_SECONDS) -> bool:
        """Whether it came to be in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._process.poll() is None:
            if self._init() and condition():
                return True
            time.sleep(0.2)
        return False

    def _init(self) -> int:
        """The first process of its namespace, as we number it; 0 while there is none."""
        if not self._first:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
            try:
                child = int(children.read_text().split()[0])
                started = Path(f"/proc/{child}/exe").resolve().name == "systemd"
            except (OSError, IndexError):
                return 0
            self._first = child if started else 0
        return self._first

    def close(self) -> None:
        """End all of it; what it changed goes with it."""
        self._process.kill()
        self._process.wait()
        self._log.close()

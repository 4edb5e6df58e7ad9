"""A separate systemd for a test: in its own namespaces, over a throw-away overlay of the whole file system."""

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


class NamespacedSystemd:
    """Runs systemd; skips the test where there is none, or where one runs already: they would share control groups."""

    def __init__(self, folder: Path) -> None:
        if os.geteuid() or not SYSTEMD.exists() or Path("/run/systemd/system").exists() or not shutil.which("unshare"):
            pytest.skip("needs root, and a systemd that is installed and not running")
        self.shared = folder / "shared"  # the only folder whose changes both sides see
        for new in (self.shared, folder / "overlay"):
            new.mkdir()
        places = {str(REPOSITORY), str(self.shared), sys.prefix, sys.base_prefix} - {"/usr"}
        self._log = (folder / "systemd.log").open("wb")
        unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc"]
        self._process = subprocess.Popen(
            [*unshare, "bash", "-c", BOOT, "boot", str(folder / "overlay"), *sorted(places)],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._init_pid = 0
        if not self.wait_until(lambda: self.systemctl("is-system-running") in ("running", "degraded"), 20):
            self.close()
            pytest.skip(f"systemd does not start here: {(folder / 'systemd.log').read_text()[-300:]}")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as root in the namespaces of that systemd."""
        nsenter = ["nsenter", "-t", str(self._find_init()), "-m", "-p", "-u", "-i", "-r", "-w"]
        path = f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"
        environment = ["env", "-i", f"PATH={path}", "HOME=/root", "LC_ALL=C.UTF-8"]
        return subprocess.run(
            [*nsenter, *environment, *command], capture_output=True, text=True, timeout=TIMEOUT_SECONDS
        )

    def systemctl(self, *arguments: str) -> str:
        """Return the output of `systemctl`, whatever its exit code."""
        return self.run("systemctl", *arguments).stdout.strip()

    def wait_until(self, condition: Callable[[], bool], seconds: float = TIMEOUT_SECONDS) -> bool:
        """Poll until the condition holds; return False if it does not in time or systemd ends."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._process.poll() is None:
            if self._find_init() and condition():
                return True
            time.sleep(0.2)
        return False

    def _find_init(self) -> int:
        """Return the pid of its init process outside the namespace; 0 while there is none."""
        if not self._init_pid:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
            try:
                child = int(children.read_text().split()[0])
                started = Path(f"/proc/{child}/exe").resolve().name == "systemd"
            except (OSError, IndexError):
                return 0
            self._init_pid = child if started else 0
        return self._init_pid

    def close(self) -> None:
        """Kill all processes; the overlay is discarded with them."""
        self._process.kill()
        self._process.wait()
        self._log.close()

"""The systemd of this machine: its unit folder, and calls of `systemctl`."""

import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import ResourceError, resource_errors

SYSTEM_UNIT_FOLDER = Path("/etc/systemd/system")
BOOTED_FOLDER = Path("/run/systemd/system")  # sd_booted(3)


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """The service manager of the whole machine, or a user's own (`personal`)."""

    personal: bool

    @property
    def folder(self) -> Path:
        """The folder of our unit files."""
        if not self.personal:
            return SYSTEM_UNIT_FOLDER
        home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        return Path(home) / "systemd" / "user"

    @property
    def runs(self) -> bool:
        """Whether the manager is running."""
        if not self.personal:
            return BOOTED_FOLDER.is_dir()
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        return runtime is not None and Path(runtime, "systemd").is_dir()

    def command_line(self, *arguments: str) -> str:
        """Return the `systemctl` command line with these arguments."""
        return " ".join(("systemctl", *(["--user"] if self.personal else []), *arguments))

    def call(self, *arguments: str) -> None:
        """Run `systemctl`. Raises ResourceError with its message where it fails."""
        line = self.command_line(*arguments)
        try:
            done = subprocess.run(line.split(), capture_output=True, text=True, errors="replace", check=False)
        except OSError as error:
            raise ResourceError(f"cannot run `{line}`: {error}", "Run it by hand.") from error
        if done.returncode != 0:
            log = "journalctl " + ("--user-unit" if self.personal else "--unit") + " catalogd --lines 20"
            raise ResourceError(f"`{line}` failed: {done.stderr.strip()}", f"See `{log}`.")

    def save_previous(self, name: str, text: str) -> Path | None:
        """Copy an installed unit that differs from `text`, before it is replaced. Raises ResourceError.

        Returns the copy's path, or None where there is nothing to save. systemd ignores names that end in `.bak`.
        """
        path = self.folder / name
        with resource_errors(f"cannot save a copy of {path}", "Free some space, or move the file away."):
            previous = path.read_bytes() if path.exists() else b""
            if previous in (b"", text.encode()):  # a masked unit, which is a link to /dev/null, reads as empty
                return None
            return _copy_beside(path, previous)

    def write(self, name: str, text: str) -> bool:
        """Write a file of the unit folder; return whether that changed it. Raises ResourceError."""
        path = self.folder / name
        with resource_errors(f"cannot write {path}", "Free some space, or check the permissions of its folder."):
            if path.exists() and path.read_text(encoding="utf-8", errors="replace") == text:
                return False
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.new")
            draft.write_text(text, encoding="utf-8")
            draft.replace(path)
        return True


def _copy_beside(path: Path, content: bytes) -> Path:
    """Write `content` to `<name>.bak`, or `<name>.2.bak`, …; never over another copy, and no copy twice."""
    mode = stat.S_IMODE(path.stat().st_mode)
    copy, number = path.with_name(f"{path.name}.bak"), 1
    while copy.exists() and copy.read_bytes() != content:
        number += 1
        copy = path.with_name(f"{path.name}.{number}.bak")
    if not copy.exists():
        with open(copy, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(content)
    return copy

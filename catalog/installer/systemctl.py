"""systemd on this machine: where its units lie, and how it is asked."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import ResourceError

SYSTEM_UNIT_FOLDER = Path("/etc/systemd/system")
BOOTED_FOLDER = Path("/run/systemd/system")  # sd_booted(3)


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """The service manager of the whole machine, or one person's own."""

    personal: bool

    @property
    def folder(self) -> Path:
        """Where our units lie."""
        if not self.personal:
            return SYSTEM_UNIT_FOLDER
        home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        return Path(home) / "systemd" / "user"

    @property
    def runs(self) -> bool:
        """Whether there is a manager to talk to."""
        if not self.personal:
            return BOOTED_FOLDER.is_dir()
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        return runtime is not None and Path(runtime, "systemd").is_dir()

    def line(self, *words: str) -> str:
        """The command line to type for `systemctl` and these words."""
        return " ".join(("systemctl", *(["--user"] if self.personal else []), *words))

    def ask(self, *words: str) -> None:
        """Have systemctl do it. Raises ResourceError with its words if it will not."""
        line = self.line(*words)
        try:
            done = subprocess.run(line.split(), capture_output=True, text=True, errors="replace", check=False)
        except OSError as error:
            raise ResourceError(f"cannot run `{line}`: {error}", "Run it by hand.") from error
        if done.returncode != 0:
            log = "journalctl " + ("--user-unit" if self.personal else "--unit") + " catalogd --lines 20"
            raise ResourceError(f"`{line}` failed: {done.stderr.strip()}", f"See `{log}`.")

    def write(self, name: str, text: str) -> bool:
        """Put a unit in place; returns whether it differs from what stood there. Raises ResourceError."""
        place = self.folder / name
        try:
            if place.exists() and place.read_text(encoding="utf-8", errors="replace") == text:
                return False
            place.parent.mkdir(parents=True, exist_ok=True)
            draft = place.with_name(f".{name}.new")
            draft.write_text(text, encoding="utf-8")
            draft.replace(place)
        except OSError as error:
            raise ResourceError(
                f"cannot write {place}: {error.strerror}", "Free some space, or mend its folder."
            ) from error
        return True

"""What came of one file, as the commands of the trash tell it."""

import os
from dataclasses import dataclass
from typing import Any

from catalog.formatting import text
from catalog.trash.plan import Refused, Victim
from catalog.trash.records import Deed


class Refusal(Exception):
    """One file stays as it is, and why, in words that follow its path. The others go on."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`to`: where it is now, or would be. `refused`: why it is where it was; `warning`: done, but look at it."""

    path: bytes
    size: int | None
    sha256: bytes | None
    to: bytes | None
    done: bool = False
    refused: str | None = None
    warning: str | None = None

    def record(self) -> dict[str, Any]:
        """A line of `--json`."""
        return {
            "path": text(self.path),
            "bytes": self.size,
            "sha256": None if self.sha256 is None else self.sha256.hex(),
            "to": None if self.to is None else text(self.to),
            "done": self.done,
            "refused": self.refused,
            "warning": self.warning,
        }


def of_victim(victim: Victim, refused: str | None = None) -> Outcome:
    """Of a file that may go; its place in the trash is not known yet, only which trash."""
    return Outcome(victim.path, victim.size, victim.sha256, None if refused else victim.trash.files, refused=refused)


def of_refused(refused: Refused) -> Outcome:
    """Of a path that may not."""
    return Outcome(refused.path, None, None, None, refused=refused.why)


def of_deed(deed: Deed, to: bytes | None = None, **more: Any) -> Outcome:
    """Of a file that is, or was, in the trash."""
    return Outcome(deed.path, deed.size, deed.sha256, to, **more)


def words(error: OSError) -> str:
    """The system's own words."""
    return os.strerror(error.errno or 0).lower()

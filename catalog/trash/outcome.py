"""What came of one file, as the commands of the trash tell it."""

import os
from dataclasses import dataclass
from typing import Any

from catalog.formatting import path_text
from catalog.trash.plan import PlannedMove, RefusedPath
from catalog.trash.records import TrashRecord


class Refusal(Exception):
    """One file stays as it is, and why, in words that follow its path. The others go on."""


@dataclass(frozen=True, slots=True)
class TrashResult:
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
            "path": path_text(self.path),
            "bytes": self.size,
            "sha256": None if self.sha256 is None else self.sha256.hex(),
            "to": None if self.to is None else path_text(self.to),
            "done": self.done,
            "refused": self.refused,
            "warning": self.warning,
        }


def result_of_move(victim: PlannedMove, refused: str | None = None) -> TrashResult:
    """Of a file that may go; its place in the trash is not known yet, only which trash."""
    return TrashResult(
        victim.path, victim.size, victim.sha256, None if refused else victim.trash.files, refused=refused
    )


def result_of_refused(refused: RefusedPath) -> TrashResult:
    """Of a path that may not."""
    return TrashResult(refused.path, None, None, None, refused=refused.why)


def result_of_record(deed: TrashRecord, to: bytes | None = None, **more: Any) -> TrashResult:
    """Of a file that is, or was, in the trash."""
    return TrashResult(deed.path, deed.size, deed.sha256, to, **more)


def error_text(error: OSError) -> str:
    """The system's own words."""
    return os.strerror(error.errno or 0).lower()

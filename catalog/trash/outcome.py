"""The result of a trash command for one file."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catalog.formatting import path_text
from catalog.trash.plan import PlannedMove, RefusedPath
from catalog.trash.records import TrashRecord

if TYPE_CHECKING:
    from catalog.json_types.trash import TrashResultJson


class Refusal(Exception):
    """One file stays as it is; the message is the reason, worded to follow its path. The others go on."""


@dataclass(frozen=True, slots=True)
class TrashResult:
    """The result for one file. `to`: where it is now, or would be moved.

    `refused`: the reason it was left alone. `warning`: done, but the owner should look at it.
    """

    path: bytes
    size: int | None
    sha256: bytes | None
    to: bytes | None
    done: bool = False
    refused: str | None = None
    warning: str | None = None

    def record(self) -> "TrashResultJson":
        """Return the line for `--json`."""
        return {
            "path": path_text(self.path),
            "bytes": self.size,
            "sha256": None if self.sha256 is None else self.sha256.hex(),
            "to": None if self.to is None else path_text(self.to),
            "done": self.done,
            "refused": self.refused,
            "warning": self.warning,
        }


def result_of_move(move: PlannedMove, refused: str | None = None) -> TrashResult:
    """Return the result for a planned move, whose trash is known but not yet the name in it."""
    return TrashResult(move.path, move.size, move.sha256, None if refused else move.trash.files, refused=refused)


def result_of_refused(refused: RefusedPath) -> TrashResult:
    """Return the result for a path that the plan refused."""
    return TrashResult(refused.path, None, None, None, refused=refused.reason)


def result_of_record(record: TrashRecord, to: bytes | None = None, **more: Any) -> TrashResult:
    """Return the result for a file that is or was in the trash."""
    return TrashResult(record.path, record.size, record.sha256, to, **more)

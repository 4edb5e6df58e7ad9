"""The reasons for rejecting a file: a closed set, stored in the catalog and shown unchanged."""

from enum import StrEnum

# Stored with each image that passed. It goes up when the checks find more, so that older contents are checked again.
VALIDATOR_VERSION = 2


class RejectReason(StrEnum):
    """Stable values: scripts filter by them, so that changing one needs a migration."""

    EMPTY = "empty"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    CHECKSUM = "bad checksum"
    NOT_IMAGE = "not an image"
    WRONG_TYPE = "wrong type for its name"
    UNSUPPORTED = "unsupported format"
    PIXELS = "too many pixels"
    LARGE = "too large"
    CRASH = "crashes the decoder"
    SLOW = "takes too long"
    MEMORY = "needs too much memory"
    UNREADABLE = "unreadable"
    SYMLINK = "symbolic link"
    SPECIAL = "special file"
    MODEL = "model fails"


class DecodeError(Exception):
    """These bytes cannot be embedded. `detail` is the decoder's message."""

    def __init__(self, reason: RejectReason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["DecodeError"], tuple[RejectReason, str]]:
        return (DecodeError, (self.reason, self.detail))


def length_mismatch(extra: int) -> str:
    """Return the suspicion about a file that is `extra` bytes longer (negative: shorter) than its header says."""
    noun = "byte" if abs(extra) == 1 else "bytes"
    return f"{abs(extra)} {noun} {'more' if extra > 0 else 'fewer'} than its header says" if extra else ""

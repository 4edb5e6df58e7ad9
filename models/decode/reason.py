"""Why a file is not embedded: one closed vocabulary, stored in the catalog and shown as it stands.

Which validators passed a picture: raised whenever they see more, so that older contents can be proved again.
"""

from enum import StrEnum

VALIDATOR_VERSION = 2


class RejectReason(StrEnum):
    """Stable words: scripts filter by them, so a change of wording is a migration."""

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
    """These bytes cannot be embedded. `detail` carries the decoder's own words."""

    def __init__(self, reason: RejectReason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["DecodeError"], tuple[RejectReason, str]]:
        return (DecodeError, (self.reason, self.detail))

"""Input and output of the rules: a change of content, and its verdict."""

from enum import StrEnum
from typing import NamedTuple

from catalog.verdict.block_checksums import BlockComparison
from models.decode.reason import RejectReason


class VerdictKind(StrEnum):
    """All verdicts. The README explains each."""

    FIRST = "first"
    ROT = "rot"
    ROT_PERHAPS = "rot?"
    EDIT = "edit"
    METADATA = "metadata only"
    REPLACED = "replaced"
    RESTORED = "restored"
    COMPLETED = "completed"
    CHANGED = "changed"
    MOVED = "moved here"
    ACCEPTED = "accepted"


DAMAGE_VERDICTS = (VerdictKind.ROT, VerdictKind.ROT_PERHAPS)


class ComparedContent(NamedTuple):
    """A content. `format`: None if it could not be decoded. `width`, `height`: as displayed, in pixels.

    `picture`: digest of the decoded pixels. `note`, `suspect`: remarks of the decoder.
    """

    format: str | None = None
    width: int | None = None
    height: int | None = None
    taken_at: str | None = None
    camera: str | None = None
    note: str | None = None
    suspect: str | None = None
    picture: bytes | None = None


class ContentComparison(NamedTuple):
    """New bytes compared with the checksums and the vector of the previous content.

    `previous`: id of that content. `coded_span`: bytes [start, stop) of the new file that hold compressed image data,
    if the format tells. `cosine`: of the vectors of both under one model. `reoriented`: the highest cosine was that of
    the new image rotated or mirrored.
    """

    previous: int = 0
    blocks: BlockComparison | None = None
    coded_span: tuple[int, int] | None = None
    cosine: float | None = None
    reoriented: bool = False


class ContentChange(NamedTuple):
    """All that is known about one change.

    `hash_mismatch`: size, mtime and ctime are the same as at the last verification. `same_mtime`: mtime is the same.
    `reason`, `detail`: why the new bytes cannot be decoded; None if they can. `held_before`: this path held the new
    bytes before, and they were not damaged. `held_elsewhere`: another intact file holds them.
    """

    before: ComparedContent
    after: ComparedContent
    comparison: ContentComparison = ContentComparison()
    hash_mismatch: bool = False
    same_mtime: bool = False
    reason: RejectReason | None = None
    detail: str = ""
    held_before: bool = False
    held_elsewhere: bool = False


class Verdict(NamedTuple):
    """A verdict. `evidence`: what it is based on, for people."""

    kind: VerdictKind
    evidence: str

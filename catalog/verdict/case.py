"""What a judge of changed bytes is given, and what it answers."""

from enum import StrEnum
from typing import NamedTuple

from catalog.verdict.block_checksums import BlockComparison
from models.decode.reason import RejectReason


class VerdictKind(StrEnum):
    """Verdicts. The README explains each."""

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
    """A content. `format`: None where it could not be read as a picture. `width`, `height`: as displayed, in pixels."""

    format: str | None = None
    width: int | None = None
    height: int | None = None
    taken_at: str | None = None
    camera: str | None = None
    note: str | None = None
    suspect: str | None = None
    picture: bytes | None = None


class ContentComparison(NamedTuple):
    """What the reader of the new bytes found while the old content's sums and vector were at hand.

    `past`: the content they belong to, by its id. `coded`: the bytes of the new file that are the compressed picture
    itself [start, stop), where its format tells. `cosine`: of both vectors under one model. `turned`: the new picture
    was turned or mirrored for it.
    """

    past: int = 0
    standing: BlockComparison | None = None
    coded: tuple[int, int] | None = None
    cosine: float | None = None
    turned: bool = False


class ContentChange(NamedTuple):
    """All that is known of one change.

    `betrayed`: size, mtime and ctime are as at the last proof. `same_mtime`: of these, mtime is. `reason`, `detail`:
    why the new bytes cannot be read, None where they can. `held`: this path held the new bytes before, and they were
    well. `elsewhere`: another file, which is well, holds them.
    """

    before: ComparedContent
    after: ComparedContent
    clues: ContentComparison = ContentComparison()
    betrayed: bool = False
    same_mtime: bool = False
    reason: RejectReason | None = None
    detail: str = ""
    held: bool = False
    elsewhere: bool = False


class Verdict(NamedTuple):
    """`evidence`: what it was judged from, for people."""

    word: VerdictKind
    evidence: str

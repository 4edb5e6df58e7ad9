"""What stages hand to one another: frozen values, each complete in itself, so that a stage may run anywhere."""

from typing import NamedTuple

from catalog.files.history import NO_COMPARISON
from catalog.files.results import ImageFacts
from catalog.filesystem.stat_signature import Signature
from catalog.verdict.case import ContentComparison
from models.decode.reason import RejectReason


class ReadTask(NamedTuple):
    """A file to read, as the catalog last saw it. `content`: the row of what it held, None for a new one."""

    file: int
    path: bytes
    signature: Signature
    attempts: int
    content: int | None = None


class Decoded(NamedTuple):
    """A healthy image. `pixels`: uint8, C order, the model's height × width × 3. `blocks`: its sums
    (catalog.verdict.block_checksums).

    `clues`, `before`: what it has to do with the content that the path held, and that one's vector (float16).
    """

    task: ReadTask
    sha256: bytes
    facts: ImageFacts
    pixels: bytes
    blocks: bytes | None = None
    clues: ContentComparison = NO_COMPARISON
    before: bytes | None = None


class AlreadyEmbedded(NamedTuple):
    """These bytes are known and have their vector already: nothing to compute."""

    task: ReadTask
    sha256: bytes
    clues: ContentComparison = NO_COMPARISON


class Rejected(NamedTuple):
    """The file cannot be embedded. `transient`: it may heal by itself, so try again later."""

    task: ReadTask
    stage: str
    reason: RejectReason
    detail: str
    sha256: bytes | None = None
    transient: bool = False
    blocks: bytes | None = None
    clues: ContentComparison = NO_COMPARISON


class FileChanged(NamedTuple):
    """What stands at the path is not what the catalog last saw, or changed while it was read: look again."""

    task: ReadTask


class WorkerDied(NamedTuple):
    """The worker died or was ended over this file."""

    task: ReadTask
    reason: RejectReason
    detail: str


WorkerOutcome = Decoded | AlreadyEmbedded | Rejected | FileChanged | WorkerDied


class ScrubRequest(NamedTuple):
    """A scrub that was asked for: of at most `limit` bytes; None: of what is left of tonight's budget."""

    limit: int | None


class Embedded(NamedTuple):
    """A vector for a decoded image: float16 bytes, as stored. `clues`: those of the image, and its likeness."""

    decoded: Decoded
    vector: bytes
    clues: ContentComparison = NO_COMPARISON

"""Messages between stages: immutable, and complete in themselves, so that any stage can run in another process."""

from typing import NamedTuple

from catalog.files.history import NO_COMPARISON
from catalog.files.results import ImageFacts
from catalog.filesystem.stat_signature import Signature
from catalog.verdict.case import ContentComparison
from models.decode.reason import RejectReason


class ReadTask(NamedTuple):
    """A file to read, as its row describes it. `file`, `content`: row ids; `content` is None for a new file."""

    file: int
    path: bytes
    signature: Signature
    attempts: int
    content: int | None = None


class Decoded(NamedTuple):
    """A valid image, ready to embed.

    `pixels`: uint8 [height, width, 3] in C order, the size that the model takes. `blocks`: checksums, as of
    `catalog.verdict.block_checksums`. `comparison`: with the content that the file had before; `previous_vector`:
    the vector of that content, float16 bytes.
    """

    task: ReadTask
    sha256: bytes
    facts: ImageFacts
    pixels: bytes
    blocks: bytes | None = None
    comparison: ContentComparison = NO_COMPARISON
    previous_vector: bytes | None = None


class AlreadyEmbedded(NamedTuple):
    """The file's content is validated and has a vector: there is nothing to compute."""

    task: ReadTask
    sha256: bytes
    comparison: ContentComparison = NO_COMPARISON


class Rejected(NamedTuple):
    """A file that cannot be embedded. `transient`: the cause may pass, so the file is tried again later."""

    task: ReadTask
    stage: str
    reason: RejectReason
    detail: str
    sha256: bytes | None = None
    transient: bool = False
    blocks: bytes | None = None
    comparison: ContentComparison = NO_COMPARISON


class FileChanged(NamedTuple):
    """The file differs from its row, or changed while it was read: look at it again."""

    task: ReadTask


class WorkerDied(NamedTuple):
    """A worker crashed, or was killed, while it read this file."""

    task: ReadTask
    reason: RejectReason
    detail: str


WorkerOutcome = Decoded | AlreadyEmbedded | Rejected | FileChanged | WorkerDied


class Embedded(NamedTuple):
    """The vector of a decoded image, as float16 bytes. `comparison`: that of the image, with the cosine added."""

    decoded: Decoded
    vector: bytes
    comparison: ContentComparison = NO_COMPARISON


FileResult = Embedded | AlreadyEmbedded | Rejected | FileChanged | WorkerDied


class ScrubBudget(NamedTuple):
    """What one `catalogd --scrub` may read: `limit` bytes, or what is left of tonight's budget if None."""

    limit: int | None

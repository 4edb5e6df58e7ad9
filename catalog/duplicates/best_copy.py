"""Which of several copies to keep: decided by the evidence that the files themselves carry."""

from collections.abc import Iterable
from dataclasses import dataclass

from catalog.filesystem.transient import transient_reason

RAW_FORMATS = ("dng", "cr2", "cr3", "nef", "arw", "raf", "orf", "rw2")
LOSSLESS_FORMATS = ("tiff", "png", "bmp")
CAMERA_FORMATS = (
    "heif",
    "heic",
)  # a JPEG of the same picture is an export of it; WebP and AVIF are hardly ever originals
POOREST_FORMATS = ("gif",)

STATES_BY_HEALTH = ("ok", "away", "pending", "rejected")


@dataclass(frozen=True, slots=True)
class FileCopy:
    """One file and what is known of it. `away`: its volume cannot be read now. `inode` is told apart by `volume`.

    `suspect`: it decodes, but may be damaged.
    """

    path: bytes
    bytes: int
    format: str | None
    width: int | None
    height: int | None
    camera: str | None
    state: str
    away: bool
    mtime_ns: int
    volume: int
    inode: int
    suspect: bool = False

    @property
    def place(self) -> tuple[int, int]:
        """The same for hard links: names of one file, of which deleting one frees nothing."""
        return self.volume, self.inode

    @property
    def transient(self) -> bool:
        """Whether it lies where files do not stay, such as a recycle bin or a snapshot."""
        return transient_reason(self.path) != ""


CopyRank = tuple[bool, int, bool, int, int, int, int, int, bytes]


def copy_rank(candidate: FileCopy) -> CopyRank:
    """Sorts the copy to keep first; a total order, so that any set of copies has one answer.

    What stays leads: a file in a recycle bin or a snapshot will go by itself, however healthy it is. Then health: a
    file that can be read now is never given up for one on a disk that may not come back, and a sound one never for one
    that looks damaged, which may well be the larger. Then the pixels, and metadata of a camera count as much as twice
    the pixels: they tell an original from a re-save or an upscaled copy of it, but do not save a thumbnail that kept
    its EXIF. Format and bytes break ties of size, so a JPEG from a camera beats a PNG made of it, and a PNG screenshot
    beats the JPEG made of it.
    """
    pixels = (candidate.width or 0) * (candidate.height or 0)
    return (
        candidate.transient,
        _health(candidate),
        candidate.suspect,
        -pixels * (2 if candidate.camera else 1),
        -_fidelity(candidate.format),
        -candidate.bytes,
        candidate.mtime_ns,
        len(candidate.path),
        candidate.path,
    )


def best_copy(candidates: Iterable[FileCopy]) -> FileCopy:
    """The one to keep.

    Raises:
        ValueError: there are none.
    """
    return min(candidates, key=copy_rank)


def _health(candidate: FileCopy) -> int:
    state = "away" if candidate.away and candidate.state == "ok" else candidate.state
    return STATES_BY_HEALTH.index(state) if state in STATES_BY_HEALTH else len(STATES_BY_HEALTH)


def _fidelity(name: str | None) -> int:
    known = (name or "").lower()
    for points, formats in ((4, RAW_FORMATS), (3, LOSSLESS_FORMATS), (2, CAMERA_FORMATS), (0, POOREST_FORMATS)):
        if known in formats:
            return points
    return 1

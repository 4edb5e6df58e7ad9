"""Which of several copies to keep: decided by the evidence that the files themselves carry."""

from collections.abc import Iterable
from dataclasses import dataclass

from catalog.filesystem.transient import why_transient

RAW = ("dng", "cr2", "cr3", "nef", "arw", "raf", "orf", "rw2")
LOSSLESS = ("tiff", "png", "bmp")
CAMERAS_OWN = ("heif", "heic")  # a JPEG of the same picture is an export of it; WebP and AVIF are hardly ever originals
POOREST = ("gif",)

STATES = ("ok", "away", "pending", "rejected")


@dataclass(frozen=True, slots=True)
class Candidate:
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
        return why_transient(self.path) != ""


Rank = tuple[bool, int, bool, int, int, int, int, int, bytes]


def rank(candidate: Candidate) -> Rank:
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


def keeper(candidates: Iterable[Candidate]) -> Candidate:
    """The one to keep.

    Raises:
        ValueError: there are none.
    """
    return min(candidates, key=rank)


def _health(candidate: Candidate) -> int:
    state = "away" if candidate.away and candidate.state == "ok" else candidate.state
    return STATES.index(state) if state in STATES else len(STATES)


def _fidelity(name: str | None) -> int:
    known = (name or "").lower()
    for points, formats in ((4, RAW), (3, LOSSLESS), (2, CAMERAS_OWN), (0, POOREST)):
        if known in formats:
            return points
    return 1

"""Choose which of several copies to keep, by properties of the files themselves."""

from collections.abc import Iterable
from dataclasses import dataclass

from catalog.filesystem.same_disk import DirectoryEntry
from catalog.filesystem.transient import IN_SNAPSHOT, transient_reason

RAW_FORMATS = ("dng", "cr2", "cr3", "nef", "arw", "raf", "orf", "rw2")
LOSSLESS_FORMATS = ("tiff", "png", "bmp")
# A JPEG of the same image is an export of it. WebP and AVIF files are hardly ever originals.
CAMERA_FORMATS = ("heif", "heic")
POOREST_FORMATS = ("gif",)

STATES_BY_HEALTH = ("ok", "away", "pending", "rejected")

NameKey = DirectoryEntry | bytes


@dataclass(frozen=True, slots=True)
class FileCopy:
    """A file that holds a content, with the properties that rank it.

    `away`: its volume cannot be read now. `inode` is unique within `volume`, the first of those that share their
    inodes. `suspect`: it decodes, but may be damaged. `snapshot`: it is in a read-only snapshot of a disk in the
    catalog. `entry`: known if another of the copies has the same inode.
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
    snapshot: bool = False
    entry: DirectoryEntry | None = None

    @property
    def inode_key(self) -> tuple[int, int]:
        """Volume and inode: equal for hard links, where deleting one name frees nothing."""
        return self.volume, self.inode

    @property
    def name_key(self) -> NameKey:
        """Equal for two paths to one name of a file, as through a bind mount, where deleting one deletes the other."""
        return self.entry or self.path

    @property
    def transient_reason(self) -> str:
        """Why the file will not last, as the predicate of a sentence; "" if it will."""
        return transient_reason(self.path) or (IN_SNAPSHOT if self.snapshot else "")

    @property
    def transient(self) -> bool:
        """Whether it will not last: it is in a recycle bin, a snapshot or another such place."""
        return self.transient_reason != ""

    @property
    def stays(self) -> bool:
        """Whether it can be relied on when another file with its bytes goes: it is reachable, and will last."""
        return not self.away and not self.transient


CopyRank = tuple[bool, int, bool, int, int, int, int, int, bytes]


def copy_rank(candidate: FileCopy) -> CopyRank:
    """Return a sort key that puts the copy to keep first. The order is total: any set of copies has one best copy.

    Permanent files come first: one in a recycle bin or a snapshot will disappear, however healthy it is. Health is
    next: a readable file is never given up for one on a disk that may not come back, nor an intact one for one that
    looks damaged, even if that is larger. Then the number of pixels decides. Camera metadata count as much as twice
    the pixels: they distinguish an original from a re-saved or upscaled copy, but do not save a thumbnail that kept
    its EXIF. Format and file size break ties, so a camera's JPEG beats a PNG made from it, and a PNG screenshot beats
    a JPEG made from it.
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
    """Return the copy to keep. Raises ValueError if there are no candidates."""
    return min(candidates, key=copy_rank)


def _health(candidate: FileCopy) -> int:
    state = "away" if candidate.away and candidate.state == "ok" else candidate.state
    return STATES_BY_HEALTH.index(state) if state in STATES_BY_HEALTH else len(STATES_BY_HEALTH)


def _fidelity(format: str | None) -> int:
    name = (format or "").lower()
    for points, formats in ((4, RAW_FORMATS), (3, LOSSLESS_FORMATS), (2, CAMERA_FORMATS), (0, POOREST_FORMATS)):
        if name in formats:
            return points
    return 1

"""The JSON of `status`."""

from typing import NotRequired, TypedDict

from catalog.json_types.integrity import CoverageJson, DamageRateJson


class FileCountsJson(TypedDict):
    """Number of files by state."""

    total: int  # all files, also those that are gone or ignored
    ok: int  # read and embedded
    rejected: int  # not readable as images
    pending: int  # waiting to be read
    gone: int  # deleted from disk
    unreachable: int  # on a root or mount that is absent
    dropped: int  # on a root that you took out of the configuration
    ignored: int  # excluded by a pattern of `ignore` after they were read


class IndexJson(TypedDict):
    """The nearest-neighbour index."""

    size: int  # vectors in the index
    seq: int  # position in the change log up to which it is current
    lag: int  # changes it has not applied yet


class NextModelJson(TypedDict):
    """The model that will replace the current one when it has embedded everything."""

    id: str  # digest of all that makes a vector
    name: str  # name of the model
    done: int  # images embedded with it
    total: int  # images to embed
    seconds_left: float | None  # estimated time left, seconds; null if unknown
    problem: str  # why it cannot be used; empty if it can


class CurrentModelJson(TypedDict):
    """The model that answers queries."""

    id: str | None  # digest of all that makes a vector; null before the first image
    name: str | None  # name of the model
    provider: str | None  # ONNX Runtime execution provider
    cosine: float | None  # lowest cosine of its golden images on this machine
    warning: str  # what is worse than it could be; empty if nothing
    problem: str  # why it cannot be used; empty if it can


class ModelStatusJson(CurrentModelJson):
    """The model that answers queries, and its successor."""

    next: NextModelJson | None  # the model being prepared, if any
    wanted: str | None  # bundle in the configuration that is neither in use nor being prepared


class HeadStatusJson(TypedDict):
    """The keep/delete head."""

    id: int | None  # number of the head in use; null without one
    made_at: str | None  # when it was trained, UTC
    state: str  # none, in use, owed (the model changed, a new head is due) or training
    problem: str  # why a new head could not be trained; empty if nothing failed


class RootJson(TypedDict):
    """A root, or a mount inside one that is absent."""

    path: str  # absolute path
    kind: str  # root, mount or blocked
    state: str  # present or unreachable
    reason: str | None  # why it is unreachable
    held: bool  # whether so many files vanished at once that nothing is marked gone until you confirm
    since: float  # when the state last changed, seconds since the epoch
    same_marker: str | None  # another present root with the same marker, such as a copied disk


class ListedRootJson(TypedDict):
    """`catalog root list`: one line per root."""

    path: str  # absolute path
    state: str  # present, unreachable, held, dropped (not in the configuration) or new (not scanned yet)
    reason: str | None  # why it cannot be read; null if it is present
    files: int  # files that are not gone, with those of mounts inside it
    guard: str | None  # what it is recognised by: marker or filesystem; null before it was first read
    since: float | None  # when the state last changed, seconds since the epoch; null if it is new


class ServiceJson(TypedDict):
    """The service. The last three are there only while it runs."""

    running: bool  # whether the service runs
    problem: str  # why it does not guard the collection: it ended, or makes no progress; empty if nothing is wrong
    remedy: str  # what to do about it; empty if nothing
    scanning: NotRequired[str]  # path being scanned; empty if none
    in_work: NotRequired[int]  # files being read
    done: NotRequired[int]  # files read since the service started


class UnwatchedTreeJson(TypedDict):
    """A directory tree that is scanned on a timer instead of watched."""

    path: str  # absolute path
    why: str  # why it cannot be watched


class WatchJson(TypedDict):
    """File system watches of the running service."""

    directories: int  # watched directories
    uncovered: list[UnwatchedTreeJson]  # trees that cannot be watched


class ScrubStatusJson(TypedDict):
    """Scrubs."""

    running: bool  # whether a scrub is running
    last_at: float | None  # when a scrub last read something, seconds since the epoch
    bytes_today: int  # bytes read since noon, when the night's budget starts


class BackupStatusJson(TypedDict):
    """The newest backup."""

    at: str | None  # when it was made, UTC; null without a backup
    path: str | None  # absolute path
    bytes: int | None  # size, bytes
    problem: str  # what needs to be done; empty if nothing


class StatusJson(TypedDict):
    """`catalog status`: one object."""

    files: FileCountsJson  # number of files by state
    suspect: int  # ok files that may be damaged
    reasons: dict[str, int]  # reason: number of rejected files
    vectors: int  # vectors of the current model
    index: IndexJson  # the nearest-neighbour index
    model: ModelStatusJson  # the model that answers queries
    head: HeadStatusJson  # the keep/delete head
    roots: list[RootJson]  # all roots, and absent mounts
    daemon: ServiceJson  # the service
    watch: WatchJson | None  # file system watches; null without a running service
    verified: CoverageJson  # how much was read recently
    scrub: ScrubStatusJson  # scrubs
    backup: BackupStatusJson  # the newest backup
    damage: list[DamageRateJson]  # damaged images by root and day, last 7 days
    rot: int  # files with bit rot

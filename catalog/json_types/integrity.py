"""The JSON of `accept`, `damage`, `rejected`, `check`, `doctor` and `scrub`."""

from typing import TypedDict

from catalog.json_types.files import FileJson


class AcceptedFileJson(TypedDict):
    """`catalog accept`: one line per file."""

    path: str  # absolute path
    sha256: str  # SHA-256 of the accepted bytes, hexadecimal


class DamagedFileJson(TypedDict):
    """`catalog damage`: one line per file."""

    path: str  # absolute path
    verdict: str  # rot, or rot? if it is not certain
    seen_at: str  # when the damage was found, UTC
    evidence: str  # why it is believed to be bit rot
    state: str  # state of the file now, as in `ls`
    sha256: str | None  # SHA-256 of the bytes now, hexadecimal
    lost: str  # SHA-256 of the bytes before, hexadecimal
    copies: list[str]  # readable files that still have the bytes from before


class RejectedFileJson(FileJson):
    """`catalog rejected`: one line per file, newest first."""

    first_seen: str | None  # when the file was first seen, UTC
    root: str  # root in which it is
    last_verified: str | None  # when it was last read to its end, UTC; null if never
    attempts: int  # failed attempts to read it
    next_try: str | None  # when it is tried again, UTC; null if only a change can help


class DamageRateJson(TypedDict):
    """`catalog rejected --rates`: one line per root and day, newest first."""

    path: str  # path of the root
    day: str  # date in UTC, YYYY-MM-DD
    files: int  # images read for the first time or with new bytes
    damaged: int  # number of those that are damaged
    percent: float  # damaged share, percent
    alarm: bool  # whether the lower 95 % bound of that share exceeds the configured limit


class CheckFindingJson(TypedDict):
    """`catalog check`: one line per finding."""

    kind: str  # stable name of the kind of inconsistency
    path: str | None  # file it is about; null if it is about none in particular
    detail: str  # what is inconsistent


class DoctorFindingJson(TypedDict):
    """`catalog doctor`: one line per check."""

    topic: str  # what was checked
    well: bool  # whether it is in order
    word: str  # what was found
    remedy: str  # what to do; empty if nothing


class HashMismatchJson(TypedDict):
    """`catalog scrub`: a file whose bytes differ from its hash."""

    path: str  # absolute path
    verdict: str  # how the change was classified
    evidence: str | None  # why it was classified so
    state: str  # state of the file now, as in `ls`
    reason: str | None  # reason for that state
    detail: str | None  # detail of that state


class CoverageJson(TypedDict):
    """How much of the collection was read recently."""

    days: float  # period of the coverage, days (setting `[scrub] days`)
    percent: float  # files read within that period, percent, rounded down
    oldest: float | None  # age of the oldest reading, days; null before the first
    never: int  # files never read to the end
    overdue: bool  # whether scrubs do not keep up


class ScrubJson(TypedDict):
    """`catalog scrub`: one object."""

    id: int  # number of the run
    started: float  # start, seconds since the epoch
    limit: int  # bytes it was allowed to read
    before: int  # bytes of the same night's budget that earlier runs had read
    continuous: bool  # whether the service started it by itself
    ended: float | None  # end, seconds since the epoch; null if it was cut short
    files: int  # files read
    bytes: int  # bytes read
    sound: int  # files whose bytes match their hash
    different: int  # files with other bytes behind the same size and date
    changed: int  # files modified since they were last read
    gone: int  # files that no longer exist
    unreadable: int  # files that could not be read
    skipped: int  # files that could not be judged now
    betrayed: list[HashMismatchJson]  # files whose bytes differ from their hash
    verified: CoverageJson  # coverage after this run

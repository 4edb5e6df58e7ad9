"""The JSON of `report`. Each section has the keys of `SectionJson` and those of its own type."""

from typing import Any, TypedDict

from catalog.json_types.files import CandidateJson
from catalog.json_types.integrity import CoverageJson, DamageRateJson
from catalog.json_types.labels import LabelSuggestionJson
from catalog.json_types.status import BackupStatusJson, NextModelJson


class AlarmJson(TypedDict):
    """Something that needs attention."""

    section: str  # key of the section in `sections`
    alarm: str  # what happened and what to do


class SectionJson(TypedDict):
    """A section of the report. One that could not be built has only these keys."""

    title: str  # heading
    headline: str  # summary in one sentence
    alarm: str  # what needs attention and what to do; empty if nothing
    lines: list[str]  # further sentences


class ReportJson(TypedDict):
    """`catalog report`: one object."""

    at: str  # when the report was made, UTC
    since: str | None  # start of the reported period, UTC; null for the first report
    compared_with: str | None  # local date of the report it is compared with, YYYY-MM-DD
    alarms: list[AlarmJson]  # what needs attention
    sections: dict[str, Any]  # section by key


class ReportedDamageJson(TypedDict):
    """Section `damage`: a file."""

    path: str  # absolute path
    verdict: str  # rot, or rot? if it is not certain
    seen_at: str  # when the damage was found, UTC
    evidence: str  # why it is believed to be bit rot
    copies: list[str]  # readable files that still have the bytes from before


class DamageSectionJson(TypedDict):
    """Section `damage`: bit rot."""

    total: int  # files with bit rot
    new: int  # number of those shown that are new since the last report
    verdicts: dict[str, int]  # verdict: number of files whose bytes changed since the last report
    files: list[ReportedDamageJson]  # first damaged files


class VolumeJson(TypedDict):
    """Section `roots`: a root, or a mount that is absent."""

    path: str  # absolute path
    kind: str  # root, mount or blocked
    files: int  # files that are not gone
    away: str | None  # why it is absent; null if it is present
    held: bool  # whether so many files vanished at once that nothing is marked gone until you confirm
    since: str  # when the state last changed, UTC
    scanned_at: str | None  # last complete scan, UTC; null before the first


class RootsSectionJson(TypedDict):
    """Section `roots`: roots and mounts."""

    away: int  # absent roots and mounts
    gone: int  # files that are gone
    volumes: list[VolumeJson]  # all roots, and absent mounts


class ServiceSectionJson(TypedDict):
    """Section `service`: whether the service guards the collection."""

    running: bool  # whether the service runs
    problem: str  # why it does not guard the collection; empty if nothing is wrong


class ChangesSectionJson(TypedDict):
    """Section `changes`: counts."""

    files: int  # files that are not gone, without those of dropped roots
    ok: int  # read and embedded
    rejected: int  # not readable as images
    pending: int  # waiting to be read
    gone: int  # deleted from disk
    unreachable: int  # on a root or mount that is absent
    ignored: int  # excluded by a pattern of `ignore` after they were read
    contents: int  # different contents of files
    vectors: int  # vectors of all models
    labels: int  # labelled contents


class LastScrubJson(TypedDict):
    """Section `scrub`: the last requested run."""

    at: str  # start, UTC
    files: int  # files read
    bytes: int  # bytes read
    different: int  # files with other bytes behind the same size and date


class ScrubSectionJson(CoverageJson):
    """Section `scrub`: coverage."""

    bytes_tonight: int  # bytes read since noon
    last_run: LastScrubJson | None  # the last requested run; null before the first


class CorruptionSectionJson(TypedDict):
    """Section `corruption`: damage among new images of the last 30 days."""

    files: int  # images read for the first time or with new bytes
    damaged: int  # number of those that are damaged
    percent: float  # damaged share, percent
    at_least_percent: float  # lower 95 % bound of that share, percent
    days: list[DamageRateJson]  # by root and day, newest first


class ReportedSuspectJson(TypedDict):
    """Section `suspects`: a file."""

    path: str  # absolute path
    detail: str | None  # why it may be damaged


class SuspectsSectionJson(TypedDict):
    """Section `suspects`: readable images that may be damaged."""

    total: int  # suspect files
    new: int  # number of those that are new since the last report
    files: list[ReportedSuspectJson]  # newest suspect files


class ReportedRejectJson(TypedDict):
    """Section `rejected`: a file."""

    path: str  # absolute path
    reason: str | None  # why it was rejected
    detail: str | None  # the decoder's message


class RejectedSectionJson(TypedDict):
    """Section `rejected`: files that cannot be read as images."""

    total: int  # rejected files
    new: int  # number of those that are new since the last report
    reasons: dict[str, int]  # reason: number of new files
    files: list[ReportedRejectJson]  # newest rejected files


class IngestDayJson(TypedDict):
    """Section `ingest`: a day."""

    day: str  # date in UTC, YYYY-MM-DD
    files: float  # images read for the first time or with new bytes
    damaged: float  # number of those that are damaged


class IngestSectionJson(TypedDict):
    """Section `ingest`: new images of the last 30 days."""

    files: int  # images read for the first time or with new bytes
    pending: int  # files waiting to be read
    days: list[IngestDayJson]  # by day, oldest first


class CandidatesSectionJson(TypedDict, total=False):
    """Section `candidates`: likely deletions. Empty without a trained head."""

    contents: int  # images you would likely delete
    bytes_freed: int  # bytes that deleting them would free
    shown_bytes: int  # bytes that deleting `files` would free
    files: list[CandidateJson]  # most likely deletions


class WastefulGroupJson(TypedDict):
    """Section `duplicates`: a group."""

    keep: str  # path of the file to keep
    stays: bool  # false if even that file is in a recycle bin, a version store or a snapshot
    paths: list[str]  # files of the group
    bytes_freed: int  # bytes that deleting all others would free


class DuplicatesSectionJson(TypedDict):
    """Section `duplicates`: exact duplicates."""

    groups: int  # groups of files with the same bytes
    copies: int  # files that could be deleted
    bytes_freed: int  # bytes that deleting them would free
    most: list[WastefulGroupJson]  # groups that free the most


class ReportedDoubtJson(TypedDict):
    """Section `doubts`: a file."""

    path: str  # absolute path
    label: str  # the label in doubt, keep or delete
    p_delete: float  # probability from a head that never saw this label, 0 to 1


class DoubtsSectionJson(TypedDict):
    """Section `doubts`: labels that may be wrong."""

    doubts: int  # labels that may be wrong
    files: list[ReportedDoubtJson]  # likeliest errors


class LessonsSectionJson(TypedDict):
    """Section `lessons`: images to label next."""

    labels: int  # labelled contents
    keep: int  # number of those that are keep
    delete: int  # number of those that are delete
    files: list[LabelSuggestionJson]  # images whose labels would help most


class DriftJson(TypedDict):
    """Section `head`: mean p_delete of new and of older files."""

    new: float  # mean p_delete of files first seen in the last 7 days
    new_files: int  # number of those files
    old: float  # mean p_delete of older files
    old_files: int  # number of older files
    moved: bool  # whether the means differ by more than chance, and by enough to matter


class HeadSectionJson(TypedDict, total=False):
    """Section `head`: the keep/delete head. Without a trained head there is only `id`, which is null."""

    id: int | None  # number of the head
    made_at: str  # when it was trained, UTC
    labels: int  # number of labels it was trained on
    figures: dict[str, Any]  # metric: [value, low, high] with a 95 % interval
    lag: int  # changes that are not scored yet
    drift: DriftJson  # whether new files score differently


class ModelSectionJson(TypedDict):
    """Section `model`: the embedding model."""

    id: str | None  # digest of all that makes a vector; null before the first image
    name: str | None  # name of the model
    provider: str | None  # ONNX Runtime execution provider
    cosine: float | None  # lowest cosine of its golden images on this machine
    vectors: int  # vectors of the model
    next: NextModelJson | None  # the model being prepared, if any
    running: bool  # whether the service runs
    problem: str  # what is wrong; empty if nothing


class BackupsSectionJson(BackupStatusJson):
    """Section `backups`: backups of the catalog."""

    kept: int  # backups that are kept

"""The JSON of `ls`, `show`, `search`, `similar`, `dups` and `candidates`."""

from typing import TypedDict


class FileJson(TypedDict):
    """`catalog ls`: one line per file."""

    path: str  # absolute path
    state: str  # pending, ok, rejected, gone, unreachable, dropped or ignored
    reason: str | None  # why it is rejected, unreachable or dropped; "suspect" for an ok file that may be damaged
    detail: str | None  # the decoder's message, or why the file is suspect
    sha256: str | None  # SHA-256 of the file's bytes, hexadecimal; null until it is read
    bytes: int  # size of the file, bytes
    format: str | None  # image format, such as jpeg; null if it is not an image
    width: int | None  # width as displayed, pixels
    height: int | None  # height as displayed, pixels
    label: str | None  # your label, keep or delete; null without one
    p_delete: float | None  # probability that you would delete it, 0 to 1; null without a trained head


class HistoryJson(TypedDict):
    """`catalog show`: one content that the file has had."""

    seen_at: str  # when this content was first read, UTC
    sha256: str  # SHA-256 of the content, hexadecimal
    bytes: int  # size of the content, bytes
    verdict: str  # how the change was classified: first, edit, rot, replaced, …
    evidence: str | None  # why it was classified so


class NeighbourJson(TypedDict):
    """`catalog show`: a similar file."""

    path: str  # absolute path
    cosine: float  # cosine similarity, -1 to 1


class FileDetailsJson(FileJson):
    """`catalog show`: one object."""

    first_seen: str | None  # when the file was first seen, UTC
    last_verified: str | None  # when its bytes were last read and matched, UTC; null if never
    taken_at: str | None  # when the image was taken, local time as in its EXIF data
    camera: str | None  # camera model from EXIF
    note: str | None  # what is unusual but harmless, such as an extension of another format
    history: list[HistoryJson]  # contents of the file, oldest first
    copies: list[str]  # paths of other files with the same bytes
    neighbours: list[NeighbourJson]  # most similar files, nearest first


class SearchResultJson(TypedDict):
    """`catalog search`: one line per file, best first."""

    path: str  # absolute path
    cosine: float  # cosine similarity of the image to the query, -1 to 1


class SimilarFileJson(TypedDict):
    """`catalog similar`: one line per file, best first."""

    path: str  # absolute path
    cosine: float  # cosine similarity of the two vectors, -1 to 1
    same: float | None  # agreement of the pixels after registration, 0 to 1; null if they were not compared


class DuplicateGroupJson(TypedDict):
    """`catalog dups`: one line per group."""

    kind: str  # exact or near
    paths: list[str]  # files of the group, the one to keep first
    keep: str  # path of the file to keep
    stays: bool  # false if even that file is in a recycle bin, a version store or a snapshot
    cosine: float | None  # lowest cosine similarity to the kept file; null for exact duplicates
    bytes_freed: int  # bytes that deleting all others would free
    links: list[str]  # those of `paths` that are hard links of an earlier one: deleting them frees nothing


class CandidateJson(TypedDict):
    """`catalog candidates`: one line per image, most likely deletion first."""

    path: str  # absolute path
    p_delete: float  # probability that you would delete it, 0 to 1
    word: str  # what the head says: delete, unsure or keep
    why: list[str]  # reasons, the strongest first
    bytes: int  # size of the file, bytes
    copies: list[str]  # paths of other files with the same bytes
    better: str | None  # path of a better near duplicate, if there is one

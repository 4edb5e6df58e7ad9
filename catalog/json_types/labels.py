"""The JSON of `label` and `next`."""

from typing import NotRequired, TypedDict


class LabelSuggestionJson(TypedDict):
    """`catalog next`: one line per image to label."""

    path: str  # absolute path
    p_delete: float  # probability that you would delete it, 0 to 1


class LabelChangeJson(TypedDict):
    """`catalog label keep`, `delete` and `clear`: one line per file."""

    path: str  # absolute path
    sha256: str  # SHA-256 of the labelled content, hexadecimal
    label: str | None  # the new label, keep or delete; null if it was cleared


class LabelJson(TypedDict):
    """`catalog label list`: one line per labelled content."""

    path: str  # a file with this content, or where it was when it was labelled
    label: str  # keep or delete
    source: str  # how it was labelled: owner, confirmed, folder, xmp, …
    at: str  # when it was labelled, UTC
    sha256: str  # SHA-256 of the content, hexadecimal
    paths: list[str]  # files that have this content now


class SuspectLabelJson(TypedDict):
    """`catalog label doubts`: one line per label, likeliest error first."""

    path: str  # a file with this content, or where it was when it was labelled
    label: str  # the label in doubt, keep or delete
    p_delete: float  # probability from a head that never saw this label, 0 to 1
    sure: bool  # whether that head contradicts the label confidently
    sha256: str  # SHA-256 of the content, hexadecimal
    paths: list[str]  # files that have this content now


class LabelCountsJson(TypedDict):
    """`catalog label import`: contents that got a new label."""

    keep: int  # contents newly labelled keep
    delete: int  # contents newly labelled delete


# `import` is a Python keyword, hence the functional form.
ImportedLabelJson = TypedDict("ImportedLabelJson", {"import": str})  # the label in the import


class LabelConflictJson(ImportedLabelJson):
    """`catalog label import`: a content that you had labelled differently."""

    path: str  # path in the import
    sha256: str  # SHA-256 of the content, hexadecimal
    label: str  # your own label, which stays


class ContradictionJson(TypedDict):
    """`catalog label import`: a content that the import labels both ways."""

    sha256: str  # SHA-256 of the content, hexadecimal
    keep: NotRequired[str]  # path that the import labels keep
    delete: NotRequired[str]  # path that the import labels delete


class UnusableFileJson(TypedDict):
    """`catalog label import`: a file that could not be used."""

    path: str  # absolute path
    reason: str  # why


class LabelPlanJson(TypedDict):
    """`catalog label import`: what becomes of the labels."""

    labelled: LabelCountsJson  # contents that got a new label
    unchanged: int  # contents that already had the same label
    conflicts: list[LabelConflictJson]  # contents you had labelled differently
    contradictory: list[ContradictionJson]  # contents that the import labels both ways; left alone


class LabelImportJson(LabelPlanJson):
    """`catalog label import`: one object."""

    files: int  # files in the import
    refused: list[UnusableFileJson]  # files that could not be used
    seen: dict[str, int]  # with --xmp: number of files by what their XMP says

"""One import from each kind of source: collect what is offered, then meet it with what is there."""

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from catalog.choices.label_text import parse_labels
from catalog.choices.labels import LabelChoice
from catalog.choices.merge import LabelImportPlan, import_choices
from catalog.context import CatalogContext
from catalog.errors import UsageError
from catalog.filesystem.ignore import IgnoreRules
from catalog.formatting import path_text, printable_path
from catalog.label_import.folders import FolderLabels, regular_files
from catalog.label_import.xmp import ImportTally, StarThresholds, implied_label, rated_files

if TYPE_CHECKING:
    from catalog.json_types.labels import LabelImportJson

ProgressBar = Callable[
    [int | None], AbstractContextManager[Callable[[], object]]
]  # total → what is called for each file


@dataclass(frozen=True, slots=True)
class ImportResult:
    """`refused`: (file, why) of what could not be used. `seen`: files by what XMP says of them."""

    plan: LabelImportPlan
    files: int
    refused: list[tuple[bytes, str]] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)

    def record(self) -> "LabelImportJson":
        """What `import --json` promises."""
        return {
            "files": self.files,
            **self.plan.record(),
            "refused": [{"path": path_text(path), "reason": why} for path, why in self.refused],
            "seen": self.seen,
        }


def ignore_rules(asking: CatalogContext) -> IgnoreRules:
    """What is passed over below a root is passed over here."""
    return IgnoreRules(asking.config.ignore, bytes(asking.config.state))


def import_text(asking: CatalogContext, words: str, overwrite: bool) -> ImportResult:
    """Raises UsageFault for a line that is no label."""
    offered = parse_labels(words)
    return ImportResult(_adopt(asking, offered, overwrite), len(offered))


def import_folders(asking: CatalogContext, folders: FolderLabels, overwrite: bool, bar: ProgressBar) -> ImportResult:
    """Every picture below each folder gets a vector, if it has none, and its folder's label."""
    from catalog.embedding.embedder import FileEmbedder

    embedder, ignore, refused = FileEmbedder(asking), ignore_rules(asking), list[tuple[bytes, str]]()
    values = _labels_by_path(folders, ignore, refused)
    now, offered = round(time.time(), 3), list[LabelChoice]()
    with bar(len(values)) as told:
        for one in embedder.embed(values, told):
            if one.reason:
                refused.append((one.path, f"{one.reason}: {one.detail}" if one.detail else one.reason))
            else:
                offered.append(LabelChoice(one.sha256, one.size, values[one.path], "folder", now, one.path))
    return ImportResult(_adopt(asking, offered, overwrite), len(values), sorted(refused))


def _labels_by_path(folders: FolderLabels, ignore: IgnoreRules, refused: list[tuple[bytes, str]]) -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    failed = lambda error: refused.append((error.filename, str(error.strerror).lower()))  # noqa: E731
    for folder, value in folders.items():
        for path in regular_files(folder, ignore, failed):
            if found.setdefault(path, value) != value:
                raise UsageError(
                    f"{printable_path(path)} lies in folders that say keep and delete",
                    "Name folders that do not hold each other.",
                )
    return found


def import_xmp(
    asking: CatalogContext, below: tuple[bytes, ...], scale: StarThresholds, overwrite: bool, bar: ProgressBar
) -> ImportResult:
    """What other programs say of files in the catalog. Raises UsageFault where none of them lies in these folders."""
    tally, offered, now = ImportTally(), list[LabelChoice](), round(time.time(), 3)
    with bar(None) as told:
        for entry, marks in rated_files(asking.database, below, tally, told):
            word = implied_label(marks, scale)
            for value in ("keep", "delete") if word == "both" else (word,) if word else ():
                sha256 = bytes.fromhex(entry.sha256 or "")
                offered.append(LabelChoice(sha256, entry.size, value, "xmp", now, entry.path))
    if below and not tally.files:
        raise UsageError(
            "the catalog holds no file in " + ", ".join(map(printable_path, below)),
            "`catalogd --once` reads what is new.",
        )
    return ImportResult(_adopt(asking, offered, overwrite), tally.files, tally.unread, dict(sorted(tally.seen.items())))


def _adopt(asking: CatalogContext, offered: Iterable[LabelChoice], overwrite: bool) -> LabelImportPlan:
    return import_choices(asking.config.database, asking.config.state, offered, overwrite)

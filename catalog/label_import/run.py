"""Import labels from each kind of source: collect them, then merge them with the existing ones."""

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
from catalog.label_import.xmp import ImportTally, StarThresholds, implied_labels, rated_files

if TYPE_CHECKING:
    from catalog.json_types.labels import LabelImportJson

# total → a context manager, which yields the callback to call once per file
ProgressBar = Callable[[int | None], AbstractContextManager[Callable[[], object]]]


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The result of an import. `refused`: (file, reason) of unusable files. `seen`: number of files by XMP rating."""

    plan: LabelImportPlan
    files: int
    refused: list[tuple[bytes, str]] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)

    def record(self) -> "LabelImportJson":
        """Return the JSON object that `import --json` documents."""
        return {
            "files": self.files,
            **self.plan.record(),
            "refused": [{"path": path_text(path), "reason": reason} for path, reason in self.refused],
            "seen": self.seen,
        }


def ignore_rules(context: CatalogContext) -> IgnoreRules:
    """Return the ignore rules of the roots, which apply to imports too."""
    return IgnoreRules(context.config.ignore, bytes(context.config.state))


def import_text(context: CatalogContext, text: str, overwrite: bool) -> ImportResult:
    """Import the labels in a text that `catalog label export` wrote. Raises UsageError if a line is invalid."""
    choices = parse_labels(text)
    return ImportResult(_import_choices(context, choices, overwrite), len(choices))


def import_folders(
    context: CatalogContext, folders: FolderLabels, overwrite: bool, progress_bar: ProgressBar
) -> ImportResult:
    """Give every image below each folder the folder's label, and a vector if it has none.

    Raises StoreError if the catalog has no vectors. Raises ResourceError if a folder cannot be read, or the model
    cannot be used. Raises UsageError if a file is below folders with different labels.
    """
    from catalog.embedding.embedder import FileEmbedder

    embedder, ignore, refused = FileEmbedder(context), ignore_rules(context), list[tuple[bytes, str]]()
    labels = _labels_by_path(folders, ignore, refused)
    now, choices = round(time.time(), 3), list[LabelChoice]()
    with progress_bar(len(labels)) as on_progress:
        for result in embedder.embed(labels, on_progress):
            if result.reason:
                reason = f"{result.reason}: {result.detail}" if result.detail else result.reason
                refused.append((result.path, reason))
            else:
                label = labels[result.path]
                choices.append(LabelChoice(result.sha256, result.size, label, "folder", now, result.path))
    return ImportResult(_import_choices(context, choices, overwrite), len(labels), sorted(refused))


def _labels_by_path(folders: FolderLabels, ignore: IgnoreRules, refused: list[tuple[bytes, str]]) -> dict[bytes, str]:
    def refuse(error: OSError) -> None:
        refused.append((error.filename, str(error.strerror).lower()))

    labels: dict[bytes, str] = {}
    for folder, label in folders.items():
        for path in regular_files(folder, ignore, refuse):
            if labels.setdefault(path, label) != label:
                raise UsageError(
                    f"{printable_path(path)} is below a keep folder and below a delete folder",
                    "Name folders that do not contain each other.",
                )
    return labels


def import_xmp(
    context: CatalogContext,
    folders: tuple[bytes, ...],
    thresholds: StarThresholds,
    overwrite: bool,
    progress_bar: ProgressBar,
) -> ImportResult:
    """Import the ratings that other programs gave to files in the catalog, all or those below `folders`.

    Raises UsageError if the catalog has no file below `folders`.
    """
    tally, choices, now = ImportTally(), list[LabelChoice](), round(time.time(), 3)
    with progress_bar(None) as on_progress:
        for entry, marks in rated_files(context.database, folders, tally, on_progress):
            for label in implied_labels(marks, thresholds):
                sha256 = bytes.fromhex(entry.sha256 or "")
                choices.append(LabelChoice(sha256, entry.size, label, "xmp", now, entry.path))
    if folders and not tally.files:
        raise UsageError(
            "the catalog has no file below " + ", ".join(map(printable_path, folders)),
            "Check the path, or run `catalogd --once` to add new files.",
        )
    plan = _import_choices(context, choices, overwrite)
    return ImportResult(plan, tally.files, tally.unread, dict(sorted(tally.seen.items())))


def _import_choices(context: CatalogContext, choices: Iterable[LabelChoice], overwrite: bool) -> LabelImportPlan:
    return import_choices(context.config.database, context.config.state, choices, overwrite)

"""Decide which labels to write, for choices made by hand and for imports."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from catalog.choices.labels import LabelChoice, effective_choices, record_choices
from catalog.choices.suspect_labels import CONFIRMED_SOURCE
from catalog.choices.targets import LabelTarget
from catalog.formatting import path_text
from catalog.store.database import Database

if TYPE_CHECKING:
    from catalog.json_types.labels import ContradictionJson, LabelPlanJson

CONFIRMATION_DELAY_SECONDS = 0.001  # distinguishes a confirmation in the journal from the choice it confirms
OWNER_SOURCE = "owner"
OWNER_SOURCES = (OWNER_SOURCE, CONFIRMED_SOURCE)
LABELS_PER_TRANSACTION = 5000  # so that the service does not wait for a whole import


def choices_to_record(
    current: Mapping[bytes, LabelChoice],
    suspect: Container[bytes],
    targets: Iterable[LabelTarget],
    value: str,
    now: float,
) -> list[LabelChoice]:
    """Return the choices to write when the owner labels `targets`. Pure.

    `suspect`: contents whose labels look wrong; a new label for one of them counts as confirmed. Repeating a label
    that is not suspect writes nothing. A confirmed choice keeps its age: a head was trained on it, so it is not new.
    """
    choices: dict[bytes, LabelChoice] = {}
    for path, sha256, size in targets:
        old = current.get(sha256)
        source = CONFIRMED_SOURCE if sha256 in suspect else OWNER_SOURCE
        if value == "clear" or old is None or old.value != value:
            new_source = OWNER_SOURCE if value == "clear" else source
            choices[sha256] = LabelChoice(sha256, size, value, new_source, round(now, 3), path)
        elif sha256 in suspect or old.source not in OWNER_SOURCES:
            choices[sha256] = old._replace(source=source, at=round(old.at + CONFIRMATION_DELAY_SECONDS, 3), path=path)
    return list(choices.values())


@dataclass(slots=True)
class LabelImportPlan:
    """What an import does. `to_write`: new labels. `unchanged`: contents that already have the imported label.

    `conflicts`: (the owner's label, the imported one), not written. `contradictory`: choices of contents for which
    the import has both labels, not written either.
    """

    to_write: list[LabelChoice] = field(default_factory=list)
    unchanged: int = 0
    conflicts: list[tuple[LabelChoice, LabelChoice]] = field(default_factory=list)
    contradictory: list[list[LabelChoice]] = field(default_factory=list)

    def count(self, value: str) -> int:
        """Return how many contents get this label."""
        return sum(choice.value == value for choice in self.to_write)

    def record(self) -> "LabelPlanJson":
        """Return the JSON object that `import --json` documents."""
        return {
            "labelled": {"keep": self.count("keep"), "delete": self.count("delete")},
            "unchanged": self.unchanged,
            "conflicts": [
                {"path": path_text(new.path), "sha256": new.sha256.hex(), "label": old.value, "import": new.value}
                for old, new in self.conflicts
            ],
            "contradictory": [
                cast(
                    "ContradictionJson",
                    {"sha256": first.sha256.hex(), **{each.value: path_text(each.path) for each in (first, *others)}},
                )
                for first, *others in self.contradictory
            ],
        }


def plan_label_import(
    current: Mapping[bytes, LabelChoice], imported: Iterable[LabelChoice], overwrite: bool
) -> LabelImportPlan:
    """Return what an import writes. It replaces earlier imports, and the owner's labels only with `overwrite`. Pure."""
    plan = LabelImportPlan()
    by_content: dict[bytes, dict[str, LabelChoice]] = {}
    for choice in imported:
        by_content.setdefault(choice.sha256, {}).setdefault(choice.value, choice)
    for sha256, by_value in by_content.items():
        if len(by_value) > 1:
            plan.contradictory.append(list(by_value.values()))
            continue
        (new,) = by_value.values()
        old = current.get(sha256)
        if old is not None and old.value == new.value:
            plan.unchanged += 1
        elif old is not None and old.source in OWNER_SOURCES and not overwrite:
            plan.conflicts.append((old, new))
        else:
            plan.to_write.append(new)
    return plan


def import_choices(path: Path, state: Path, imported: Iterable[LabelChoice], overwrite: bool) -> LabelImportPlan:
    """Plan an import and write its labels to the catalog at `path`; return the plan.

    After an error, labels written so far remain, and importing again writes the rest. Raises as `record_choices` does.
    """
    with Database(path, write=True) as database:
        plan = plan_label_import(effective_choices(database, state), imported, overwrite)
        for start in range(0, len(plan.to_write), LABELS_PER_TRANSACTION):
            record_choices(database, state, plan.to_write[start : start + LABELS_PER_TRANSACTION])
    return plan

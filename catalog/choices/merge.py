"""Labels that come from elsewhere, met with those that are there: the owner's own word stands.

What a choice made by hand changes: a second look is remembered, a mere repetition is not. Pure.
"""

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

CONFIRMATION_DELAY_SECONDS = 0.001  # seconds: enough for the journal to tell a confirmation from the choice itself


def choices_to_record(
    held: Mapping[bytes, LabelChoice], doubted: Container[bytes], targets: Iterable[LabelTarget], value: str, now: float
) -> list[LabelChoice]:
    """The choices to write. `doubted`: contents whose labels look wrong; whatever is said of them is confirmed by it.

    A choice that is confirmed stays as old as it is: a head that has learned from it must not be asked it as new.
    """
    made: dict[bytes, LabelChoice] = {}
    for path, sha256, size in targets:
        old = held.get(sha256)
        source = CONFIRMED_SOURCE if sha256 in doubted else OWNER_SOURCE
        if value == "clear" or old is None or old.value != value:
            made[sha256] = LabelChoice(
                sha256, size, value, OWNER_SOURCE if value == "clear" else source, round(now, 3), path
            )
        elif sha256 in doubted or old.source not in OWNER_SOURCES:
            made[sha256] = old._replace(source=source, at=round(old.at + CONFIRMATION_DELAY_SECONDS, 3), path=path)
    return list(made.values())


OWNER_SOURCE = "owner"
OWNER_SOURCES = (OWNER_SOURCE, CONFIRMED_SOURCE)
LABELS_PER_TRANSACTION = 5000  # labels a transaction: the service must not wait for all of them


@dataclass(slots=True)
class LabelImportPlan:
    """`write`: what is to be written. `same`: contents that are labelled so already. `conflicts`: (the owner's own
    label, what was offered). `torn`: contents for which both values were offered, labelled neither way.
    """

    write: list[LabelChoice] = field(default_factory=list)
    same: int = 0
    conflicts: list[tuple[LabelChoice, LabelChoice]] = field(default_factory=list)
    torn: list[list[LabelChoice]] = field(default_factory=list)

    def count(self, value: str) -> int:
        """How many are newly labelled so."""
        return sum(one.value == value for one in self.write)

    def record(self) -> "LabelPlanJson":
        """What `import --json` promises."""
        return {
            "labelled": {"keep": self.count("keep"), "delete": self.count("delete")},
            "unchanged": self.same,
            "conflicts": [
                {"path": path_text(new.path), "sha256": new.sha256.hex(), "label": old.value, "import": new.value}
                for old, new in self.conflicts
            ],
            "contradictory": [
                cast(
                    "ContradictionJson",
                    {"sha256": ones[0].sha256.hex(), **{one.value: path_text(one.path) for one in ones}},
                )
                for ones in self.torn
            ],
        }


def plan_label_import(
    held: Mapping[bytes, LabelChoice], offered: Iterable[LabelChoice], overwrite: bool
) -> LabelImportPlan:
    """Pure. A later import replaces an earlier one; the owner's own labels only with `overwrite`."""
    made = LabelImportPlan()
    by_content: dict[bytes, dict[str, LabelChoice]] = {}
    for one in offered:
        by_content.setdefault(one.sha256, {}).setdefault(one.value, one)
    for sha256, values in by_content.items():
        if len(values) > 1:
            made.torn.append(list(values.values()))
            continue
        (one,) = values.values()
        old = held.get(sha256)
        if old is not None and old.value == one.value:
            made.same += 1
        elif old is not None and old.source in OWNER_SOURCES and not overwrite:
            made.conflicts.append((old, one))
        else:
            made.write.append(one)
    return made


def import_choices(path: Path, state: Path, offered: Iterable[LabelChoice], overwrite: bool) -> LabelImportPlan:
    """Plan and write. Raises as `choose`; what was written by then stays, and a second import goes on from there."""
    database = Database(path, write=True)
    try:
        made = plan_label_import(effective_choices(database, state), offered, overwrite)
        for start in range(0, len(made.write), LABELS_PER_TRANSACTION):
            record_choices(database, state, made.write[start : start + LABELS_PER_TRANSACTION])
    finally:
        database.close()
    return made

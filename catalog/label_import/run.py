"""One import from each kind of source: collect what is offered, then meet it with what is there."""

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from catalog.choices.label_text import read_lines
from catalog.choices.labels import Choice
from catalog.choices.merge import Plan, adopt
from catalog.context import Asking
from catalog.errors import UsageFault
from catalog.filesystem.ignore import Ignore
from catalog.formatting import show, text
from catalog.label_import.folders import Folders, files
from catalog.label_import.xmp import Scale, Tally, marked, wish

Bar = Callable[[int | None], AbstractContextManager[Callable[[], object]]]  # total → what is called for each file


@dataclass(frozen=True, slots=True)
class Outcome:
    """`refused`: (file, why) of what could not be used. `seen`: files by what XMP says of them."""

    plan: Plan
    files: int
    refused: list[tuple[bytes, str]] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """What `import --json` promises."""
        refused = [{"path": text(path), "reason": why} for path, why in self.refused]
        return {"files": self.files, **self.plan.record(), "refused": refused, "seen": self.seen}


def ignored(asking: Asking) -> Ignore:
    """What is passed over below a root is passed over here."""
    return Ignore(asking.config.ignore, bytes(asking.config.state))


def from_text(asking: Asking, words: str, overwrite: bool) -> Outcome:
    """Raises UsageFault for a line that is no label."""
    offered = read_lines(words)
    return Outcome(_adopt(asking, offered, overwrite), len(offered))


def from_folders(asking: Asking, folders: Folders, overwrite: bool, bar: Bar) -> Outcome:
    """Every picture below each folder gets a vector, if it has none, and its folder's label."""
    from catalog.embedding.embedder import Embedder

    embedder, ignore, refused = Embedder(asking), ignored(asking), list[tuple[bytes, str]]()
    values = _values(folders, ignore, refused)
    now, offered = round(time.time(), 3), list[Choice]()
    with bar(len(values)) as told:
        for one in embedder.contents(values, told):
            if one.reason:
                refused.append((one.path, f"{one.reason}: {one.detail}" if one.detail else one.reason))
            else:
                offered.append(Choice(one.sha256, one.size, values[one.path], "folder", now, one.path))
    return Outcome(_adopt(asking, offered, overwrite), len(values), sorted(refused))


def _values(folders: Folders, ignore: Ignore, refused: list[tuple[bytes, str]]) -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    failed = lambda error: refused.append((error.filename, str(error.strerror).lower()))  # noqa: E731
    for folder, value in folders.items():
        for path in files(folder, ignore, failed):
            if found.setdefault(path, value) != value:
                raise UsageFault(
                    f"{show(path)} lies in folders that say keep and delete",
                    "Name folders that do not hold each other.",
                )
    return found


def from_xmp(asking: Asking, below: tuple[bytes, ...], scale: Scale, overwrite: bool, bar: Bar) -> Outcome:
    """What other programs say of files in the catalog. Raises UsageFault where none of them lies in these folders."""
    tally, offered, now = Tally(), list[Choice](), round(time.time(), 3)
    with bar(None) as told:
        for entry, marks in marked(asking.database, below, tally, told):
            word = wish(marks, scale)
            for value in ("keep", "delete") if word == "both" else (word,) if word else ():
                sha256 = bytes.fromhex(entry.sha256 or "")
                offered.append(Choice(sha256, entry.size, value, "xmp", now, entry.path))
    if below and not tally.files:
        raise UsageFault(
            "the catalog holds no file in " + ", ".join(map(show, below)), "`catalogd --once` reads what is new."
        )
    return Outcome(_adopt(asking, offered, overwrite), tally.files, tally.unread, dict(sorted(tally.seen.items())))


def _adopt(asking: Asking, offered: Iterable[Choice], overwrite: bool) -> Plan:
    return adopt(asking.config.database, asking.config.state, offered, overwrite)

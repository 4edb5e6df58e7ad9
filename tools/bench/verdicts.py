"""A scripted year over real files: what does the catalog say of each change, and is it right?

    python -m tools.bench.verdicts [--corpus DIR] [--files 300] [--months 12] [--seed 1] [--json]

Each month some files are edited, tagged, saved again, turned, replaced or put back, some arrive by halves, and some
rot; then `catalogd --once` and `catalog scrub` run as they would on a server, and the last row of each history is
compared with what was done. Rot comes in three guises: behind a new mtime (a copy through bad memory), behind the old
mtime with a new ctime (a sync tool that sets times), and behind unchanged dates (a disk). Nobody can write without
moving ctime, so for the last guise the mtime is set back and the catalog's row is given the file's new ctime before the
next pass: to the catalog the dates stand. What rots without a pixel changing ("harmless": metadata, bytes after the
end) is counted by itself: `metadata only` and `rot?` are both right there.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

from catalog.store.database import Database
from models.bundle.folder import default_folder, load_bundle
from models.decode.reason import DecodeError
from models.picture import read_picture
from tools.bench.damage_kinds import DAMAGE_KINDS
from tools.bench.scripted_year import (
    EDITS,
    METADATA_CHANGES,
    ChangeFunction,
    ScriptedFile,
    emptied,
    same_pixels_shown,
    webpage,
)

SETS = ("photo", "screenshot", "meme", "camera", "exif", "formats")
BUSY_SHARE = 0.4  # of all files have something done to them in a month
SCRIPTS = Path(sys.executable).parent
ROT_VERDICTS = ("rot", "rot?")


@dataclass(frozen=True, slots=True)
class ScriptedChange:
    """One deed, and the words that are right for it."""

    name: str
    kind: str
    right: tuple[str, ...]


Observation = tuple[ScriptedChange, str, str]  # what was done, the word for it, its evidence


class ScriptedYear:
    """The collection, its catalog, and the dice."""

    def __init__(self, folder: Path, corpus: Path, files: int, rng: Random) -> None:
        self.root, self.state, self.config = folder / "root", folder / "state", folder / "config.toml"
        self._rng = rng
        self.root.mkdir()
        found = sound_files(corpus, rng)
        self._pool = found[files:]
        self.pictures = [
            ScriptedFile(f"{at:04}{path.suffix}", [path.read_bytes()]) for at, path in enumerate(found[:files])
        ]
        self._sick: set[str] = set()
        self._halves: dict[str, bytes] = {}
        self._call("catalog", "init", "--state", self.state, self.root)
        with self.config.open("a") as file:
            file.write("[scrub]\nrate_mb = 0\n")
        (self.root / "backup").mkdir()
        for number, picture in enumerate(self.pictures):
            self._put(picture.name, picture.data)
            if number % 5 == 0:
                self._put(f"backup/{picture.name}", picture.data)
        self._halve(count=max(1, files // 20))

    def _call(self, command: str, *arguments: str | Path, codes: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            [SCRIPTS / command, *arguments], env=os.environ | {"CATALOG_CONFIG": str(self.config)}, capture_output=True
        )
        if done.returncode not in codes:
            raise SystemExit(done.stderr.decode("utf-8", "replace"))
        return done.stdout.decode()

    def _put(self, name: str, data: bytes) -> None:
        path = self.root / name
        path.write_bytes(data)

    def _halve(self, count: int) -> None:
        for picture in self._rng.sample(self.pictures, count):
            name = f"half-{picture.name}"
            self._put(name, picture.data[: int(len(picture.data) * self._rng.uniform(0.3, 0.9))])
            self._halves[name] = picture.data

    def look(self) -> None:
        """A pass, a scrub."""
        self._call("catalogd", "--once")
        self._call("catalog", "scrub", "--budget", "100GB", codes=(0, 1))

    def month(self) -> list[ScriptedChange]:
        """Do things to files."""
        events = [self._complete(name, data) for name, data in self._halves.items()]
        self._halves.clear()
        for picture in self._rng.sample(self.pictures, int(BUSY_SHARE * len(self.pictures))):
            event = self._heal(picture) if picture.name in self._sick else self._act(picture)
            if event is not None:
                events.append(event)
        return events

    def _complete(self, name: str, data: bytes) -> ScriptedChange:
        self._put(name, data)
        return ScriptedChange(name, "arrived by halves", ("completed",))

    def _heal(self, picture: ScriptedFile) -> ScriptedChange:
        self._sick.discard(picture.name)
        self._put(picture.name, picture.data)
        return ScriptedChange(picture.name, "put back after rot", ("restored",))

    def _act(self, picture: ScriptedFile) -> ScriptedChange | None:
        dice = self._rng.random()
        if dice < 0.30:
            return self._deed(picture, EDITS, "edit")
        if dice < 0.55:
            return self._deed(picture, METADATA_CHANGES, "metadata only")
        if dice < 0.63:
            return self._write(picture, self._rng.choice(self._pool).read_bytes(), "another picture", "replaced")
        if dice < 0.70 and len(picture.versions) > 1:
            older = self._rng.choice([data for data in picture.versions if data != picture.data])
            return self._write(picture, older, "put back", "restored")
        return self._rot(picture)

    def _deed(self, picture: ScriptedFile, deeds: dict[str, ChangeFunction], word: str) -> ScriptedChange | None:
        name = self._rng.choice(sorted(deeds))
        data = deeds[name](picture.data, self._rng)
        return None if data is None or data in picture.versions else self._write(picture, data, name, word)

    def _write(self, picture: ScriptedFile, data: bytes, name: str, word: str) -> ScriptedChange | None:
        if data in picture.versions:
            word = "restored"
        picture.versions.append(data)
        self._put(picture.name, data)
        return ScriptedChange(picture.name, name, (word,))

    def _rot(self, picture: ScriptedFile) -> ScriptedChange | None:
        guise = self._rng.choice(("new mtime", "old mtime", "no date"))
        if guise != "no date" and self._rng.random() < 0.1:
            junk = self._rng.choice((webpage, emptied))
            data, name = junk(picture.data, self._rng), junk.__name__
        else:
            kind = self._rng.choice(DAMAGE_KINDS)
            damaged = kind.damage(picture.data, self._rng)
            if damaged is None or (guise == "no date" and len(damaged) != len(picture.data)):
                return None
            data, name = damaged, kind.name
        self._sick.add(picture.name)
        before = os.stat(self.root / picture.name)
        self._put(picture.name, data)
        if guise != "new mtime":
            os.utime(self.root / picture.name, ns=(before.st_atime_ns, before.st_mtime_ns))
        if guise == "no date":
            self._hide(picture.name)
            return ScriptedChange(picture.name, f"rot, {guise}: {name}", ("rot",))
        harmless = same_pixels_shown(picture.data, data)
        right = ("metadata only", "rot?") if harmless else ("rot?",)
        return ScriptedChange(picture.name, f"{'harmless' if harmless else 'rot'}, {guise}: {name}", right)

    def _hide(self, name: str) -> None:
        database = Database(self.state / "catalog.db", write=True)
        ctime_ns = os.stat(self.root / name).st_ctime_ns
        database.run(
            "UPDATE file SET ctime_ns = ? WHERE name = ? AND directory = (SELECT id FROM directory WHERE path = ?)",
            *(ctime_ns, os.fsencode(name), os.fsencode(self.root)),
        )
        database.close()

    def words(self) -> dict[str, tuple[str, str, int]]:
        """Of each file: its last verdict, the evidence, and how many it has."""
        database = Database(self.state / "catalog.db", write=False)
        rows = database.rows(
            "SELECT f.name, h.verdict, h.evidence, count(*), max(h.id) FROM history h JOIN file f ON f.id = h.file"
            " JOIN directory d ON d.id = f.directory WHERE d.path = ? GROUP BY f.id",  # the row of the greatest id
            os.fsencode(self.root),
        )
        database.close()
        return {os.fsdecode(row[0]): (row[1], row[2] or "", row[3]) for row in rows}

    def damage(self) -> list[dict[str, object]]:
        """What `catalog damage` lists."""
        return [json.loads(line) for line in self._call("catalog", "damage", "--json", codes=(0, 1)).splitlines()]


def sound_files(corpus: Path, rng: Random) -> list[Path]:
    """Files that are well, shuffled."""
    recipe, found = load_bundle(default_folder()).recipe, {}
    for path in sorted(path for name in SETS for path in (corpus / name).rglob("*") if path.is_file()):
        data = path.read_bytes()
        try:
            if len(data) < 4_000_000 and not read_picture(data, recipe).suspect:
                found[data] = path
        except DecodeError:
            continue
    return rng.sample(sorted(found.values()), len(found))


def run_year(year: ScriptedYear, months: int) -> tuple[list[Observation], int, int]:
    """All changes with what was said of them; damaged files with a whole twin, and those whose twin was named."""
    said: list[Observation] = []
    owed = named = 0
    year.look()
    before = year.words()
    for number in range(months):
        events = year.month()
        year.look()
        after = year.words()
        for event in events:
            word, evidence, rows = after[event.name]
            said.append((event, word if rows > before[event.name][2] else "nothing", evidence))
        before = after
        for one in year.damage():
            twin = year.root / "backup" / Path(str(one["path"])).name
            if twin.exists() and hashlib.sha256(twin.read_bytes()).hexdigest() == one["lost"]:
                owed += 1
                named += str(twin) in one["copies"]  # type: ignore[operator]
        print(f"month {number + 1}: {len(events)} changes", file=sys.stderr)
    return said, owed, named


def rot_metrics(said: list[Observation]) -> dict[str, float]:
    """Precision and recall of both words for rot against everything else, by changes that are not harmless."""
    harmful = [
        (event.right[0] in ROT_VERDICTS, word in ROT_VERDICTS) for event, word, _ in said if len(event.right) == 1
    ]
    hits = sum(true and told for true, told in harmful)
    return {
        "changes": len(said),
        "seen": sum(word != "nothing" for _, word, _ in said) / len(said),
        "right": sum(word in event.right for event, word, _ in said) / len(said),
        "rotten": sum(true for true, _ in harmful),
        "precision": hits / max(1, sum(told for _, told in harmful)),
        "recall": hits / max(1, sum(true for true, _ in harmful)),
    }


def main() -> None:
    """Print the confusion matrix, or JSON."""
    parser = argparse.ArgumentParser(description="Verdicts over a scripted year.")
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus"))
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        year = ScriptedYear(Path(folder), given.corpus, given.files, Random(given.seed))
        said, owed, named = run_year(year, given.months)
    found = rot_metrics(said) | {"twins": owed, "twins_named": named}
    if given.json:
        wrong = [(event.kind, event.right, word, evidence) for event, word, evidence in said if word not in event.right]
        print(json.dumps(found | {"wrong": wrong}))
        return
    report(said, given)
    print(
        f"{found['changes']:.0f} changes, {found['seen']:.2%} seen, {found['right']:.2%} judged right; rot: precision "
        f"{found['precision']:.4f}, recall {found['recall']:.4f} of {found['rotten']:.0f};"
        f" whole copies named: {named} of {owed}"
    )


def report(said: list[Observation], given: argparse.Namespace) -> None:
    """What was done by what was said, and every wrong word."""
    print(f"{given.files} files, {given.months} months, seed {given.seed}")
    words = sorted({word for _, word, _ in said})
    print(f"{'what was done':<42}" + "".join(f"{word:>14}" for word in words))
    table = Counter((" or ".join(event.right), word) for event, word, _ in said)
    for right in sorted({row for row, _ in table}):
        print(f"{right:<42}" + "".join(f"{table[right, word] or '.':>14}" for word in words))
    for event, word, evidence in said:
        if word not in event.right:
            print(f"  wrong: {event.kind} ({event.name}): {word}: {evidence}")


if __name__ == "__main__":
    main()

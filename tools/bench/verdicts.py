"""Check the catalog's verdicts on every change of a scripted year over real files.

    python -m tools.bench.verdicts [--corpus DIR] [--files 300] [--months 12] [--seed 1] [--json]

Each month some files are edited, tagged, saved again, rotated, replaced or restored, some partial files are completed,
and some rot; then `catalogd --once` and `catalog scrub` run as on a server, and the last history row of each file is
compared with what was done. Rot has three forms: with a new mtime (a copy through bad memory), with the old mtime and
a new ctime (a sync tool that sets times), and with unchanged times (a failing disk). No program can write without
changing ctime, so for the third form the mtime is set back, and the catalog's row gets the file's new ctime before the
next pass: the catalog sees no change. Rot that changes no pixel ("harmless": in metadata, or after the end of the
image) is counted separately: both `metadata only` and `rot?` are right for it.
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
from typing import NamedTuple

from catalog.store.database import Database
from models.bundle.folder import default_folder, load_bundle
from models.decode.reason import DecodeError
from models.picture import read_picture
from tools.bench.damage_kinds import DAMAGE_KINDS
from tools.bench.harness import CORPUS, SCRIPTS, init_catalog
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
CHANGED_SHARE = 0.4  # of all files, each month
ROT_VERDICTS = ("rot", "rot?")


@dataclass(frozen=True, slots=True)
class ScriptedChange:
    """A change to one file, and the verdicts that are right for it."""

    name: str
    kind: str
    right: tuple[str, ...]


Observation = tuple[ScriptedChange, str, str]  # the change, its verdict ("nothing" without one), its evidence


class FileHistory(NamedTuple):
    """The last verdict of a file, its evidence, and the number of history rows."""

    verdict: str
    evidence: str
    rows: int


class ScriptedYear:
    """A collection with its catalog, changed at random month by month."""

    def __init__(self, folder: Path, corpus: Path, files: int, rng: Random) -> None:
        self.root, self._rng = folder / "root", rng
        self._database_path = folder / "state" / "catalog.db"
        self.root.mkdir()
        intact = intact_files(corpus, rng)
        self._replacements = intact[files:]
        self.pictures = [
            ScriptedFile(f"{number:04}{path.suffix}", [path.read_bytes()]) for number, path in enumerate(intact[:files])
        ]
        self._rotten: set[str] = set()
        self._partial: dict[str, bytes] = {}
        self._config = init_catalog(folder, self.root)
        with self._config.open("a") as file:
            file.write("[scrub]\nrate_mb = 0\n")
        (self.root / "backup").mkdir()
        for number, picture in enumerate(self.pictures):
            self._put(picture.name, picture.data)
            if number % 5 == 0:
                self._put(f"backup/{picture.name}", picture.data)
        self._write_partial(count=max(1, files // 20))

    def _call(self, command: str, *arguments: str | Path, codes: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            [SCRIPTS / command, *arguments], env=os.environ | {"CATALOG_CONFIG": str(self._config)}, capture_output=True
        )
        if done.returncode not in codes:
            raise SystemExit(done.stderr.decode("utf-8", "replace"))
        return done.stdout.decode()

    def _put(self, name: str, data: bytes) -> None:
        path = self.root / name
        path.write_bytes(data)

    def _write_partial(self, count: int) -> None:
        for picture in self._rng.sample(self.pictures, count):
            name = f"half-{picture.name}"
            self._put(name, picture.data[: int(len(picture.data) * self._rng.uniform(0.3, 0.9))])
            self._partial[name] = picture.data

    def observe(self) -> None:
        """Run a pass and a scrub."""
        self._call("catalogd", "--once")
        self._call("catalog", "scrub", "--budget", "100GB", codes=(0, 1))

    def month(self) -> list[ScriptedChange]:
        """Complete the partial files, and change, damage or restore others at random; return what was done."""
        changes = [self._complete(name, data) for name, data in self._partial.items()]
        self._partial.clear()
        for picture in self._rng.sample(self.pictures, int(CHANGED_SHARE * len(self.pictures))):
            change = self._restore(picture) if picture.name in self._rotten else self._change(picture)
            if change is not None:
                changes.append(change)
        return changes

    def _complete(self, name: str, data: bytes) -> ScriptedChange:
        self._put(name, data)
        return ScriptedChange(name, "partial file completed", ("completed",))

    def _restore(self, picture: ScriptedFile) -> ScriptedChange:
        self._rotten.discard(picture.name)
        self._put(picture.name, picture.data)
        return ScriptedChange(picture.name, "restored after rot", ("restored",))

    def _change(self, picture: ScriptedFile) -> ScriptedChange | None:
        chance = self._rng.random()
        if chance < 0.30:
            return self._edit(picture, EDITS, "edit")
        if chance < 0.55:
            return self._edit(picture, METADATA_CHANGES, "metadata only")
        if chance < 0.63:
            return self._write(
                picture, self._rng.choice(self._replacements).read_bytes(), "another picture", "replaced"
            )
        if chance < 0.70 and len(picture.versions) > 1:
            older = self._rng.choice([data for data in picture.versions if data != picture.data])
            return self._write(picture, older, "older version restored", "restored")
        return self._rot(picture)

    def _edit(self, picture: ScriptedFile, functions: dict[str, ChangeFunction], right: str) -> ScriptedChange | None:
        name = self._rng.choice(sorted(functions))
        data = functions[name](picture.data, self._rng)
        return None if data is None or data in picture.versions else self._write(picture, data, name, right)

    def _write(self, picture: ScriptedFile, data: bytes, kind: str, right: str) -> ScriptedChange | None:
        if data in picture.versions:
            right = "restored"
        picture.versions.append(data)
        self._put(picture.name, data)
        return ScriptedChange(picture.name, kind, (right,))

    def _rot(self, picture: ScriptedFile) -> ScriptedChange | None:
        times = self._rng.choice(("new mtime", "old mtime", "same times"))
        if times != "same times" and self._rng.random() < 0.1:
            overwrite = self._rng.choice((webpage, emptied))
            data, name = overwrite(picture.data, self._rng), overwrite.__name__
        else:
            kind = self._rng.choice(DAMAGE_KINDS)
            damaged = kind.damage(picture.data, self._rng)
            if damaged is None or (times == "same times" and len(damaged) != len(picture.data)):
                return None
            data, name = damaged, kind.name
        self._rotten.add(picture.name)
        before = os.stat(self.root / picture.name)
        self._put(picture.name, data)
        if times != "new mtime":
            os.utime(self.root / picture.name, ns=(before.st_atime_ns, before.st_mtime_ns))
        if times == "same times":
            self._copy_ctime_to_row(picture.name)
            return ScriptedChange(picture.name, f"rot, {times}: {name}", ("rot",))
        harmless = same_pixels_shown(picture.data, data)
        right = ("metadata only", "rot?") if harmless else ("rot?",)
        return ScriptedChange(picture.name, f"{'harmless' if harmless else 'rot'}, {times}: {name}", right)

    def _copy_ctime_to_row(self, name: str) -> None:
        database = Database(self._database_path, write=True)
        ctime_ns = os.stat(self.root / name).st_ctime_ns
        database.run(
            "UPDATE file SET ctime_ns = ? WHERE name = ? AND directory = (SELECT id FROM directory WHERE path = ?)",
            *(ctime_ns, os.fsencode(name), os.fsencode(self.root)),
        )
        database.close()

    def histories(self) -> dict[str, FileHistory]:
        """Return the history of each file that has one, by name."""
        database = Database(self._database_path, write=False)
        # SQLite takes the bare columns from the row with max(h.id).
        rows = database.rows(
            "SELECT f.name, h.verdict, h.evidence, count(*), max(h.id) FROM history h JOIN file f ON f.id = h.file"
            " JOIN directory d ON d.id = f.directory WHERE d.path = ? GROUP BY f.id",
            os.fsencode(self.root),
        )
        database.close()
        return {
            os.fsdecode(name): FileHistory(verdict, evidence or "", count) for name, verdict, evidence, count, _ in rows
        }

    def damage(self) -> list[dict[str, object]]:
        """Return what `catalog damage` lists."""
        return [json.loads(line) for line in self._call("catalog", "damage", "--json", codes=(0, 1)).splitlines()]


def intact_files(corpus: Path, rng: Random) -> list[Path]:
    """Return one path for each distinct intact file under 4 MB, shuffled."""
    recipe, intact = load_bundle(default_folder()).recipe, {}
    for path in sorted(path for name in SETS for path in (corpus / name).rglob("*") if path.is_file()):
        data = path.read_bytes()
        try:
            if len(data) < 4_000_000 and not read_picture(data, recipe).suspect:
                intact[data] = path
        except DecodeError:
            continue
    return rng.sample(sorted(intact.values()), len(intact))


def run_year(year: ScriptedYear, months: int) -> tuple[list[Observation], int, int]:
    """Return an observation per change, the damaged files with an intact copy, and those whose copy was listed."""
    observations: list[Observation] = []
    with_copy = listed = 0
    year.observe()
    before = year.histories()
    for number in range(months):
        changes = year.month()
        year.observe()
        after = year.histories()
        for change in changes:
            verdict, evidence, rows = after[change.name]
            observations.append((change, verdict if rows > before[change.name].rows else "nothing", evidence))
        before = after
        for damaged in year.damage():
            copy = year.root / "backup" / Path(str(damaged["path"])).name
            if copy.exists() and hashlib.sha256(copy.read_bytes()).hexdigest() == damaged["lost"]:
                with_copy += 1
                listed += str(copy) in damaged["copies"]  # type: ignore[operator]
        print(f"month {number + 1}: {len(changes)} changes", file=sys.stderr)
    return observations, with_copy, listed


def rot_metrics(observations: list[Observation]) -> dict[str, float]:
    """Return precision and recall of both rot verdicts against all others, without harmless rot."""
    pairs = [
        (change.right[0] in ROT_VERDICTS, verdict in ROT_VERDICTS)
        for change, verdict, _ in observations
        if len(change.right) == 1
    ]
    hits = sum(actual and predicted for actual, predicted in pairs)
    return {
        "changes": len(observations),
        "seen": sum(verdict != "nothing" for _, verdict, _ in observations) / len(observations),
        "right": sum(verdict in change.right for change, verdict, _ in observations) / len(observations),
        "rotten": sum(actual for actual, _ in pairs),
        "precision": hits / max(1, sum(predicted for _, predicted in pairs)),
        "recall": hits / max(1, sum(actual for actual, _ in pairs)),
    }


def main() -> None:
    """Print the confusion matrix and the metrics, or JSON."""
    parser = argparse.ArgumentParser(description="Verdicts over a scripted year.")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        year = ScriptedYear(Path(folder), options.corpus, options.files, Random(options.seed))
        observations, with_copy, listed = run_year(year, options.months)
    figures = rot_metrics(observations) | {"twins": with_copy, "twins_named": listed}
    wrong = [observation for observation in observations if observation[1] not in observation[0].right]
    if options.json:
        rows = [(change.kind, change.right, verdict, evidence) for change, verdict, evidence in wrong]
        print(json.dumps(figures | {"wrong": rows}))
        return
    print(f"{options.files} files, {options.months} months, seed {options.seed}")
    print_matrix(observations)
    for change, verdict, evidence in wrong:
        print(f"  wrong: {change.kind} ({change.name}): {verdict}: {evidence}")
    print(
        f"{figures['changes']:.0f} changes, {figures['seen']:.2%} seen, {figures['right']:.2%} with the right verdict;"
        f" rot: precision {figures['precision']:.4f}, recall {figures['recall']:.4f} of {figures['rotten']:.0f};"
        f" intact copies listed: {listed} of {with_copy}"
    )


def print_matrix(observations: list[Observation]) -> None:
    """Print the confusion matrix: right verdicts by verdicts."""
    verdicts = sorted({verdict for _, verdict, _ in observations})
    print(f"{'right verdict':<42}" + "".join(f"{verdict:>14}" for verdict in verdicts))
    matrix = Counter((" or ".join(change.right), verdict) for change, verdict, _ in observations)
    for right in sorted({right for right, _ in matrix}):
        print(f"{right:<42}" + "".join(f"{matrix[right, verdict] or '.':>14}" for verdict in verdicts))


if __name__ == "__main__":
    main()

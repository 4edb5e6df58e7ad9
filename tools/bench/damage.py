"""Damage every clean real file in every way, and count who sees it.

    python -m tools.bench.damage [--corpus DIR] [--limit N] [--seed 0] [--processes 2] [--json]

Clean is a file that we accept undamaged. Each gets every kind of `tools.bench.damage_kinds`, by a generator seeded
with seed, file and kind; formats of which few real files are at hand get several draws. A rival is measured on the
files that it passes undamaged: one that complains of a sound file has not found the damage in it. False alarms are
counted apart.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from models.picture import DecodeError, Recipe, read_picture
from tools.bench.damage_kinds import APPENDED, DAMAGE_KINDS
from tools.bench.other_validators import VALIDATORS, Validator

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
SETS = ("photo", "meme", "camera", "screenshot", "exif", "formats", "edge_pillow")
ENOUGH_FILES = 40  # files of a format from which one draw a kind is enough
SCARCE_DRAWS, LARGE_BYTES = 8, 250_000  # draws of a scarce format; bytes above which three must do
RECIPE = Recipe(128, 128, "squash", "bilinear", 2.0)  # the default model's
REJECTED, REJECTED_OR_SUSPECT, UNDAMAGED = "rejected", "or suspect", "undamaged"
OURS_ON_FILES_OF = "ours against "


@dataclass(frozen=True, slots=True)
class CleanFile:
    """A clean file, and how often chance is asked."""

    path: Path
    format: str
    draws: int = 1


@dataclass(slots=True)
class DetectionTally:
    """Cases and hits by (format, kind, judge)."""

    cases: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    hits: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, format_: str, kind: str, judge: str, hit: bool) -> None:
        """One verdict."""
        self.cases[format_, kind, judge] += 1
        self.hits[format_, kind, judge] += hit

    def join(self, other: "DetectionTally") -> None:
        """Take another's counts in."""
        self.cases.update(other.cases)
        self.hits.update(other.hits)

    def share(self, judge: str, format_: str | None = None, kind: str | None = None) -> tuple[int, int]:
        """(hits, cases); None: all formats; None: all kinds of damage."""
        wanted = [
            key
            for key in self.cases
            if key[2] == judge
            and format_ in (None, key[0])
            and (key[1] == kind or (kind is None and _is_harmful(key[1])))
        ]
        return sum(self.hits[key] for key in wanted), sum(self.cases[key] for key in wanted)


def _is_harmful(kind: str) -> bool:
    return kind not in (UNDAMAGED, APPENDED)


def our_result(data: bytes) -> str:
    """Ours: "ok", "suspect" or "rejected"."""
    try:
        return "suspect" if read_picture(data, RECIPE).suspect else "ok"
    except DecodeError:
        return "rejected"


def clean_files(corpus: Path, limit: int) -> list[CleanFile]:
    """The clean files, those of `edge_pillow` only where the other sets have few of the format."""
    found: dict[str, list[Path]] = defaultdict(list)
    for name in SETS:
        for path in sorted(path for path in (corpus / name).rglob("*") if path.is_file()):
            format_ = _format(path.read_bytes())
            if format_ and (name != SETS[-1] or len(found[format_]) < ENOUGH_FILES) and len(found[format_]) < limit:
                found[format_].append(path)
    return [
        CleanFile(
            path, format_, 1 if len(paths) >= ENOUGH_FILES else 3 if path.stat().st_size > LARGE_BYTES else SCARCE_DRAWS
        )
        for format_, paths in found.items()
        for path in paths
    ]


def _format(data: bytes) -> str:
    try:
        name = read_picture(data, RECIPE).format
    except DecodeError:
        return ""
    return "jpeg progressive" if name == "jpeg" and _progressive(data) else name


def _progressive(data: bytes) -> bool:
    from io import BytesIO

    from PIL import Image

    return "progressive" in Image.open(BytesIO(data)).info


def measure_file(sound: CleanFile, seed: int, rivals: tuple[Validator, ...]) -> DetectionTally:
    """Damages one file in every way and asks everybody."""
    data, tally = sound.path.read_bytes(), DetectionTally()
    with tempfile.TemporaryDirectory(dir=_memory_folder()) as folder:
        cases = list(_cases(data, sound, seed, Path(folder)))
        seen = set()
        for kind, path in cases:
            said = our_result(path.read_bytes())
            if said != "ok":
                seen.add(path)
            tally.add(sound.format, kind, REJECTED, said == "rejected")
            tally.add(sound.format, kind, REJECTED_OR_SUSPECT, said != "ok")
        for rival in rivals:
            if not rival.formats or sound.format in rival.formats:
                _ask_validator(rival, cases, seen, sound.format, tally)
    return tally


def _memory_folder() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _cases(data: bytes, sound: CleanFile, seed: int, folder: Path) -> Iterator[tuple[str, Path]]:
    """Written out under the file's own extension, the undamaged one first."""
    suffix = sound.path.suffix.lower()
    for count, (kind, changed) in enumerate([(UNDAMAGED, data), *_damaged(data, sound, seed)]):
        path = folder / f"{count:04}{suffix}"
        path.write_bytes(changed)
        yield kind, path


def _damaged(data: bytes, sound: CleanFile, seed: int) -> Iterator[tuple[str, bytes]]:
    for kind in DAMAGE_KINDS:
        for draw in range(sound.draws if kind.chance else 1):
            rng = Random(f"{seed} {sound.path.name} {kind.name} {draw}")
            if changed := kind.damage(data, rng):
                yield kind.name, changed


def _ask_validator(
    rival: Validator, cases: list[tuple[str, Path]], seen: set[Path], format_: str, tally: DetectionTally
) -> None:
    """`seen`: what we flagged; counted again over the very cases that the rival is measured on."""
    flagged = rival.flagged([path for _, path in cases])
    false_alarm = cases[0][1] in flagged
    tally.add(format_, UNDAMAGED, rival.name, false_alarm)
    for kind, path in cases[1:]:
        if not false_alarm:
            tally.add(format_, kind, rival.name, path in flagged)
            tally.add(format_, kind, OURS_ON_FILES_OF + rival.name, path in seen)


def _initialise_worker() -> None:
    """Damaged headers ask for absurd memory; libtiff mutters; HEIC is open to Pillow as to us."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    with suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()


def measure(sounds: list[CleanFile], seed: int, processes: int) -> DetectionTally:
    """All files by all present rivals."""
    rivals = tuple(number for number, rival in enumerate(VALIDATORS) if rival.present())
    jobs = [(sound, seed, rivals) for sound in sorted(sounds, key=lambda sound: -sound.path.stat().st_size)]
    tally = DetectionTally()
    with ProcessPoolExecutor(processes, initializer=_initialise_worker) as pool:
        for done, part in enumerate(pool.map(_measure_job, jobs), 1):
            tally.join(part)
            if sys.stderr.isatty():
                print(f"\r{done} of {len(jobs)} files", end="", file=sys.stderr)
    return tally


def _measure_job(job: tuple[CleanFile, int, tuple[int, ...]]) -> DetectionTally:
    sound, seed, rivals = job
    return measure_file(sound, seed, tuple(VALIDATORS[number] for number in rivals))


def share_table(
    tally: DetectionTally, rows: Iterable[tuple[str, str | None, str | None]], judges: list[str]
) -> Iterator[str]:
    """A Markdown table of shares; each row is (title, format, kind)."""
    yield "| | cases | " + " | ".join(judges) + " |"
    yield "|---" * (len(judges) + 2) + "|"
    for title, format_, kind in rows:
        shares = [tally.share(judge, format_, kind) for judge in judges]
        if shares[0][1]:
            yield f"| {title} | {shares[0][1]:,} | " + " | ".join(_percent(*share) for share in shares) + " |"


def _percent(hits: int, cases: int) -> str:
    return f"{100 * hits / cases:.1f}" if cases else "–"


def where_behind(tally: DetectionTally, formats: list[str], judges: list[str]) -> Iterator[str]:
    """Where a rival sees more than we do, by kind and format."""
    for format_ in formats:
        for kind in DAMAGE_KINDS:
            for judge in judges if _is_harmful(kind.name) else ():
                theirs = tally.share(judge, format_, kind.name)
                ours = tally.share(OURS_ON_FILES_OF + judge, format_, kind.name)
                if ours[0] < theirs[0]:
                    yield f"{format_}, {kind.name}: {judge} {theirs[0]}, we {ours[0]} of {ours[1]}"


def report(tally: DetectionTally) -> Iterator[str]:
    """All tables."""
    rivals = [rival.name for rival in VALIDATORS if rival.present()]
    judges, formats = [REJECTED, REJECTED_OR_SUSPECT, *rivals], sorted({key[0] for key in tally.cases})
    yield from ("Damaged files that are seen, percent, by kind", "")
    yield from share_table(
        tally, [(kind.name, None, kind.name) for kind in DAMAGE_KINDS if _is_harmful(kind.name)], judges
    )
    yield from ("", "By format, all kinds", "")
    yield from share_table(tally, [(name, name, None) for name in formats], judges)
    yield from ("", "False alarms on undamaged files, percent", "")
    yield from share_table(tally, [("all", None, UNDAMAGED), *((name, name, UNDAMAGED) for name in formats)], judges)
    yield from ("", "Alarms for junk appended after a sound picture, percent", "")
    yield from share_table(tally, [("all", None, APPENDED), *((name, name, APPENDED) for name in formats)], judges)
    yield from ("", "Ours (rejected or suspect) and the best rival, percent, by format and kind", "")
    yield from format_matrix(tally, formats, rivals)
    yield from ("", "A rival is ahead in:", *(where_behind(tally, formats, rivals) or ("nothing",)))
    yield "absent: " + (", ".join(rival.name for rival in VALIDATORS if not rival.present()) or "none")


def format_matrix(tally: DetectionTally, formats: list[str], rivals: list[str]) -> Iterator[str]:
    """Ours / best rival, both on the files that this rival passes undamaged; a row a kind and a column a format."""
    yield "| | " + " | ".join(formats) + " |"
    yield "|---" * (len(formats) + 1) + "|"
    for kind in DAMAGE_KINDS:
        yield (
            f"| {kind.name} | "
            + " | ".join(_best_comparison(tally, name, kind.name, rivals) for name in formats)
            + " |"
        )


def _best_comparison(tally: DetectionTally, format_: str, kind: str, rivals: list[str]) -> str:
    asked = [judge for judge in rivals if tally.share(judge, format_, kind)[1]]
    if not asked:
        return "–"

    def rate(judge: str) -> float:
        hits, cases = tally.share(judge, format_, kind)
        return hits / cases

    best = max(asked, key=lambda judge: rate(judge) - rate(OURS_ON_FILES_OF + judge))
    ours, theirs = (tally.share(judge, format_, kind) for judge in (OURS_ON_FILES_OF + best, best))
    return f"{_percent(*ours)} / {_percent(*theirs)}"


def counts_as_json(tally: DetectionTally) -> list[dict[str, Any]]:
    """For --json: every count."""
    return [
        {"format": key[0], "kind": key[1], "judge": key[2], "cases": count, "seen": tally.hits[key]}
        for key, count in sorted(tally.cases.items())
    ]


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.damage", description=__doc__)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--limit", type=int, default=sys.maxsize, help="files of each format at most")
    parser.add_argument("--format", default="", help="only this format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    if not given.corpus.is_dir():
        print(f"no corpus at {given.corpus}", file=sys.stderr)
        return 2
    started = time.monotonic()
    sounds = [sound for sound in clean_files(given.corpus, given.limit) if given.format in ("", sound.format)]
    tally = measure(sounds, given.seed, given.processes)
    if given.json:
        print(json.dumps({"seed": given.seed, "files": len(sounds), "counts": counts_as_json(tally)}))
        return 0
    print("\n".join(report(tally)))
    print(f"{len(sounds)} files, seed {given.seed}, {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Damage every clean real file in every way, and count which validators detect it.

    python -m tools.bench.damage [--corpus DIR] [--limit N] [--seed 0] [--processes 2] [--json]

A clean file is one that catalogd accepts undamaged. Each gets every kind of `tools.bench.damage_kinds`, from a
generator seeded with seed, file and kind; formats with few real files get several draws. Another validator is measured
only on files that it accepts undamaged: flagging an intact file is no detection. False alarms are counted separately.
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
from tools.bench.harness import CORPUS
from tools.bench.other_validators import VALIDATORS, Validator

SETS = ("photo", "meme", "camera", "screenshot", "exif", "formats", "edge_pillow")
ENOUGH_FILES = 40  # files of a format from which on one draw per kind is enough
SCARCE_DRAWS, LARGE_BYTES = 8, 250_000  # draws for a scarce format; file size above which there are only three
RECIPE = Recipe(128, 128, "squash", "bilinear", 2.0)  # the default model's
REJECTED, REJECTED_OR_SUSPECT, UNDAMAGED = "rejected", "or suspect", "undamaged"
OURS_ON_FILES_OF = "ours against "


@dataclass(frozen=True, slots=True)
class CleanFile:
    """A clean file, and the number of draws of each random kind of damage."""

    path: Path
    format: str
    draws: int = 1


@dataclass(slots=True)
class DetectionTally:
    """Cases and hits by (format, kind, validator)."""

    cases: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    hits: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, format_: str, kind: str, judge: str, hit: bool) -> None:
        """Count one result."""
        self.cases[format_, kind, judge] += 1
        self.hits[format_, kind, judge] += hit

    def merge(self, other: "DetectionTally") -> None:
        """Add the counts of another tally."""
        self.cases.update(other.cases)
        self.hits.update(other.hits)

    def share(self, judge: str, format_: str | None = None, kind: str | None = None) -> tuple[int, int]:
        """Return (hits, cases) of a validator; None stands for all formats, and for all kinds of damage."""
        keys = [
            (a_format, a_kind, a_judge)
            for a_format, a_kind, a_judge in self.cases
            if a_judge == judge
            and format_ in (None, a_format)
            and (a_kind == kind or (kind is None and _is_harmful(a_kind)))
        ]
        return sum(self.hits[key] for key in keys), sum(self.cases[key] for key in keys)


def _is_harmful(kind: str) -> bool:
    return kind not in (UNDAMAGED, APPENDED)


def our_result(data: bytes) -> str:
    """Return catalogd's result: "ok", "suspect" or "rejected"."""
    try:
        return "suspect" if read_picture(data, RECIPE).suspect else "ok"
    except DecodeError:
        return "rejected"


def clean_files(corpus: Path, limit: int) -> list[CleanFile]:
    """Return the clean files; those of `edge_pillow` only for formats of which the other sets have few."""
    by_format: dict[str, list[Path]] = defaultdict(list)
    for name in SETS:
        for path in sorted(path for path in (corpus / name).rglob("*") if path.is_file()):
            format_ = _format(path.read_bytes())
            count = len(by_format[format_])
            if format_ and count < (min(limit, ENOUGH_FILES) if name == SETS[-1] else limit):
                by_format[format_].append(path)
    return [
        CleanFile(
            path, format_, 1 if len(paths) >= ENOUGH_FILES else 3 if path.stat().st_size > LARGE_BYTES else SCARCE_DRAWS
        )
        for format_, paths in by_format.items()
        for path in paths
    ]


def _format(data: bytes) -> str:
    try:
        name = read_picture(data, RECIPE).format
    except DecodeError:
        return ""
    return "jpeg progressive" if name == "jpeg" and _is_progressive(data) else name


def _is_progressive(data: bytes) -> bool:
    from io import BytesIO

    from PIL import Image

    return "progressive" in Image.open(BytesIO(data)).info


def measure_file(clean: CleanFile, seed: int, validators: tuple[Validator, ...]) -> DetectionTally:
    """Damage one file in every way; return the results of all validators."""
    data, tally = clean.path.read_bytes(), DetectionTally()
    with tempfile.TemporaryDirectory(dir=_memory_folder()) as folder:
        cases = list(_cases(data, clean, seed, Path(folder)))
        flagged = set()
        for kind, path in cases:
            result = our_result(path.read_bytes())
            if result != "ok":
                flagged.add(path)
            tally.add(clean.format, kind, REJECTED, result == "rejected")
            tally.add(clean.format, kind, REJECTED_OR_SUSPECT, result != "ok")
        for validator in validators:
            if not validator.formats or clean.format in validator.formats:
                _tally_validator(validator, cases, flagged, clean.format, tally)
    return tally


def _memory_folder() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _cases(data: bytes, clean: CleanFile, seed: int, folder: Path) -> Iterator[tuple[str, Path]]:
    """Write all versions under the file's extension, the undamaged one first."""
    suffix = clean.path.suffix.lower()
    for count, (kind, changed) in enumerate([(UNDAMAGED, data), *_damaged(data, clean, seed)]):
        path = folder / f"{count:04}{suffix}"
        path.write_bytes(changed)
        yield kind, path


def _damaged(data: bytes, clean: CleanFile, seed: int) -> Iterator[tuple[str, bytes]]:
    for kind in DAMAGE_KINDS:
        for draw in range(clean.draws if kind.chance else 1):
            rng = Random(f"{seed} {clean.path.name} {kind.name} {draw}")
            if changed := kind.damage(data, rng):
                yield kind.name, changed


def _tally_validator(
    validator: Validator, cases: list[tuple[str, Path]], flagged_by_us: set[Path], format_: str, tally: DetectionTally
) -> None:
    """Count the validator's results, and ours once more over the cases that it is measured on."""
    flagged = validator.flagged([path for _, path in cases])
    false_alarm = cases[0][1] in flagged
    tally.add(format_, UNDAMAGED, validator.name, false_alarm)
    for kind, path in cases[1:]:
        if not false_alarm:
            tally.add(format_, kind, validator.name, path in flagged)
            tally.add(format_, kind, OURS_ON_FILES_OF + validator.name, path in flagged_by_us)


def _initialise_worker() -> None:
    """Limit memory (damaged headers ask for absurd sizes), silence libtiff, and let Pillow read HEIC."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    with suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()


def measure(files: list[CleanFile], seed: int, processes: int) -> DetectionTally:
    """Measure all files with all installed validators."""
    validators = tuple(number for number, validator in enumerate(VALIDATORS) if validator.is_installed())
    jobs = [(clean, seed, validators) for clean in sorted(files, key=lambda clean: -clean.path.stat().st_size)]
    tally = DetectionTally()
    with ProcessPoolExecutor(processes, initializer=_initialise_worker) as pool:
        for done, part in enumerate(pool.map(_measure_job, jobs), 1):
            tally.merge(part)
            if sys.stderr.isatty():
                print(f"\r{done} of {len(jobs)} files", end="", file=sys.stderr)
    return tally


def _measure_job(job: tuple[CleanFile, int, tuple[int, ...]]) -> DetectionTally:
    clean, seed, validators = job
    return measure_file(clean, seed, tuple(VALIDATORS[number] for number in validators))


def share_table(
    tally: DetectionTally, rows: Iterable[tuple[str, str | None, str | None]], judges: list[str]
) -> Iterator[str]:
    """Yield a Markdown table of shares in percent; each row is (title, format, kind)."""
    yield "| | cases | " + " | ".join(judges) + " |"
    yield "|---" * (len(judges) + 2) + "|"
    for title, format_, kind in rows:
        shares = [tally.share(judge, format_, kind) for judge in judges]
        if shares[0][1]:
            yield f"| {title} | {shares[0][1]:,} | " + " | ".join(_percent(*share) for share in shares) + " |"


def _percent(hits: int, cases: int) -> str:
    return f"{100 * hits / cases:.1f}" if cases else "–"


def where_behind(tally: DetectionTally, formats: list[str], judges: list[str]) -> Iterator[str]:
    """Yield a line for each format and kind in which another validator detects more than catalogd."""
    for format_ in formats:
        for kind in DAMAGE_KINDS:
            for judge in judges if _is_harmful(kind.name) else ():
                theirs = tally.share(judge, format_, kind.name)
                ours = tally.share(OURS_ON_FILES_OF + judge, format_, kind.name)
                if ours[0] < theirs[0]:
                    yield f"{format_}, {kind.name}: {judge} {theirs[0]}, we {ours[0]} of {ours[1]}"


def report(tally: DetectionTally) -> Iterator[str]:
    """Yield all tables."""
    validators = [validator.name for validator in VALIDATORS if validator.is_installed()]
    judges, formats = [REJECTED, REJECTED_OR_SUSPECT, *validators], sorted({format_ for format_, _, _ in tally.cases})
    yield from ("Damaged files detected, percent, by kind", "")
    yield from share_table(
        tally, [(kind.name, None, kind.name) for kind in DAMAGE_KINDS if _is_harmful(kind.name)], judges
    )
    yield from ("", "By format, all kinds", "")
    yield from share_table(tally, [(name, name, None) for name in formats], judges)
    yield from ("", "False alarms on undamaged files, percent", "")
    yield from share_table(tally, [("all", None, UNDAMAGED), *((name, name, UNDAMAGED) for name in formats)], judges)
    yield from ("", "Files with appended junk flagged, percent", "")
    yield from share_table(tally, [("all", None, APPENDED), *((name, name, APPENDED) for name in formats)], judges)
    yield from ("", "catalogd (rejected or suspect) / the best other validator, percent, by format and kind", "")
    yield from format_matrix(tally, formats, validators)
    yield from ("", "Another validator is ahead in:", *(list(where_behind(tally, formats, validators)) or ["nothing"]))
    yield "not installed: " + (
        ", ".join(validator.name for validator in VALIDATORS if not validator.is_installed()) or "none"
    )


def format_matrix(tally: DetectionTally, formats: list[str], validators: list[str]) -> Iterator[str]:
    """Yield a table of kinds by formats: catalogd / best validator, on the files that the latter accepts undamaged."""
    yield "| | " + " | ".join(formats) + " |"
    yield "|---" * (len(formats) + 1) + "|"
    for kind in DAMAGE_KINDS:
        yield (
            f"| {kind.name} | "
            + " | ".join(_best_comparison(tally, name, kind.name, validators) for name in formats)
            + " |"
        )


def _best_comparison(tally: DetectionTally, format_: str, kind: str, validators: list[str]) -> str:
    measured = [judge for judge in validators if tally.share(judge, format_, kind)[1]]
    if not measured:
        return "–"

    def rate(judge: str) -> float:
        hits, cases = tally.share(judge, format_, kind)
        return hits / cases

    best = max(measured, key=lambda judge: rate(judge) - rate(OURS_ON_FILES_OF + judge))
    ours, theirs = (tally.share(judge, format_, kind) for judge in (OURS_ON_FILES_OF + best, best))
    return f"{_percent(*ours)} / {_percent(*theirs)}"


def counts_as_json(tally: DetectionTally) -> list[dict[str, Any]]:
    """Return every count, for --json."""
    return [
        {"format": format_, "kind": kind, "judge": judge, "cases": count, "seen": tally.hits[format_, kind, judge]}
        for (format_, kind, judge), count in sorted(tally.cases.items())
    ]


def main(arguments: list[str] | None = None) -> int:
    """Print the tables, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.damage", description=__doc__)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--limit", type=int, default=sys.maxsize, help="most files of each format")
    parser.add_argument("--format", default="", help="only this format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if not options.corpus.is_dir():
        print(f"{options.corpus} is not a folder\nName the folder of real files with --corpus.", file=sys.stderr)
        return 2
    started = time.monotonic()
    files = [clean for clean in clean_files(options.corpus, options.limit) if options.format in ("", clean.format)]
    tally = measure(files, options.seed, options.processes)
    if options.json:
        print(json.dumps({"seed": options.seed, "files": len(files), "counts": counts_as_json(tally)}))
        return 0
    print("\n".join(report(tally)))
    print(f"{len(files)} files, seed {options.seed}, {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

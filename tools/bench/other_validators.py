"""What else people ask whether a picture is damaged, each behind the same question: which of these files?

Every rival is used as its own documentation says. A rival is asked only about formats that it can read; ImageMagick's
`identify` decodes in full as soon as warnings count. A command is run over many files at once, or its start would be
most of its time.
"""

import re
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

TIMEOUT_SECONDS = 120  # for one call over some dozens of files


@dataclass(frozen=True, slots=True)
class Validator:
    """`flagged` names the damaged ones among these files. `formats`: those it is asked about; empty: all."""

    name: str
    flagged: Callable[[list[Path]], set[Path]]
    command: str = ""
    formats: frozenset[str] = frozenset()

    def present(self) -> bool:
        """Whether it is installed here."""
        return not self.command or shutil.which(self.command) is not None


def _pillow(check: Callable[[Image.Image], object]) -> Callable[[list[Path]], set[Path]]:
    def flagged(paths: list[Path]) -> set[Path]:
        return {path for path in paths if not _passes(path, check)}

    return flagged


def _passes(path: Path, check: Callable[[Image.Image], object]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path) as image:
                check(image)
        except Exception:
            return False
    return True


def _run(command: list[str], paths: Iterable[Path]) -> subprocess.CompletedProcess[str]:
    """Both outputs, whatever the exit status: it speaks of all files together."""
    try:
        return subprocess.run(
            [*command, *map(str, paths)], capture_output=True, errors="replace", timeout=TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired as late:
        said = late.stdout or b""
        return subprocess.CompletedProcess(command, 124, said.decode("utf-8", "replace"), "")


def _identify(paths: list[Path]) -> set[Path]:
    """Flagged: JPEG and PNG by the warnings that name the file, or no line for it; the others, which stop at the first

    error and do not always name it, one by one, by the exit status.
    """
    alone = {path for path in paths if path.suffix not in (".jpg", ".jpeg", ".png")}
    flagged = {path for path in alone if _run(["identify", "-regard-warnings"], [path]).returncode}
    if together := [path for path in paths if path not in alone]:
        done = _run(["identify", "-regard-warnings"], together)
        described = {line.split(" ", 1)[0].split("[")[0] for line in done.stdout.splitlines()}
        flagged |= {path for path in together if str(path) not in described or f"`{path}'" in done.stderr}
    return flagged


def _jpeginfo(paths: list[Path]) -> set[Path]:
    """Flagged: everything whose line does not end in OK."""
    sound = re.compile(r"^(\S+) .*\bOK\s*$")
    found = {match[1] for line in _run(["jpeginfo", "-c"], paths).stdout.splitlines() if (match := sound.match(line))}
    return {path for path in paths if str(path) not in found}


def _pngcheck(paths: list[Path]) -> set[Path]:
    """Flagged: everything that is not called OK."""
    lines = _run(["pngcheck"], paths).stdout.splitlines()
    sound = {line[4:].split(" (", 1)[0] for line in lines if line.startswith("OK: ")}
    return {path for path in paths if str(path) not in sound}


VALIDATORS: tuple[Validator, ...] = (
    Validator("Pillow verify", _pillow(lambda image: image.verify())),
    Validator("Pillow load", _pillow(lambda image: image.load())),
    Validator("ImageMagick", _identify, "identify"),
    Validator("jpeginfo", _jpeginfo, "jpeginfo", frozenset({"jpeg", "jpeg progressive"})),
    Validator("pngcheck", _pngcheck, "pngcheck", frozenset({"png"})),
)

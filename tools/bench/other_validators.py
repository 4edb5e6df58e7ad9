"""Other programs that detect damaged images, each behind one function: files to flagged files.

Each is used as its own documentation says, and only for formats that it can read. ImageMagick's `identify` decodes in
full with `-regard-warnings`. A command gets many files in one call, or its start would take most of the time.
"""

import re
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

TIMEOUT_SECONDS = 120  # for one call with dozens of files


@dataclass(frozen=True, slots=True)
class Validator:
    """`flagged` returns the damaged files among those given. `formats`: those that it can read; empty for all."""

    name: str
    flagged: Callable[[list[Path]], set[Path]]
    command: str = ""
    formats: frozenset[str] = frozenset()

    def is_installed(self) -> bool:
        """Return whether it is installed."""
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
    """Return both outputs; the exit status is about all files together, so it is not checked."""
    try:
        return subprocess.run(
            [*command, *map(str, paths)], capture_output=True, errors="replace", timeout=TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        output = error.stdout or b""
        return subprocess.CompletedProcess(command, 124, output.decode("utf-8", "replace"), "")


def _identify(paths: list[Path]) -> set[Path]:
    """Flag JPEG and PNG files that a warning names or that get no line; all others by the exit status, one by one.

    With other formats `identify` stops at the first error and does not always name the file.
    """
    alone = {path for path in paths if path.suffix not in (".jpg", ".jpeg", ".png")}
    flagged = {path for path in alone if _run(["identify", "-regard-warnings"], [path]).returncode}
    if together := [path for path in paths if path not in alone]:
        done = _run(["identify", "-regard-warnings"], together)
        described = {line.split(" ", 1)[0].split("[")[0] for line in done.stdout.splitlines()}
        flagged |= {path for path in together if str(path) not in described or f"`{path}'" in done.stderr}
    return flagged


def _jpeginfo(paths: list[Path]) -> set[Path]:
    """Flag files whose line does not end in OK."""
    ok_line = re.compile(r"^(\S+) .*\bOK\s*$")
    sound = {match[1] for line in _run(["jpeginfo", "-c"], paths).stdout.splitlines() if (match := ok_line.match(line))}
    return {path for path in paths if str(path) not in sound}


def _pngcheck(paths: list[Path]) -> set[Path]:
    """Flag files without an OK line."""
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

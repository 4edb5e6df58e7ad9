"""Where others see a folder of pictures otherwise: to find our mistakes on files that nobody here has seen.

    python -m tools.disagree FOLDER [--levels 6] [--json]

Every file that is recognised as a picture is judged by us and by each program of `tools.bench.other_validators` that
is installed and knows its format. Listed are the files that we reject and all others read, those that we pass (not
even suspect) and all others refuse, and those whose pixels, at the default model's size, are further from Pillow's
than `--levels` of 255 on average. Each is a question, not an answer: ImageMagick calls metadata a fault, and Pillow
shows some TIFF wrong.
"""

import argparse
import io
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageOps

from models.decode.formats import identify_format
from models.decode.stderr_capture import capture_libtiff_messages
from models.picture import DecodeError, Picture, Recipe, read_picture
from tools.bench.other_validators import VALIDATORS, Validator
from tools.goldens import to_rgb

RECIPE = Recipe(128, 128, "squash", "bilinear", 0)
BATCH_FILES = 40  # files that a command is asked about in one call
PASSED, SUSPECT, REJECTED = "passed", "suspect", "rejected"


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """`verdict` and our `words`; `apart`: mean levels of 255 from Pillow's pixels, None where it shows none."""

    path: Path
    format: str
    verdict: str
    words: str
    apart: float | None = None


def validate(path: Path) -> ValidationResult | None:
    """Ours; None for what is no picture."""
    data = path.read_bytes()
    try:
        name = identify_format(data).name
    except DecodeError:
        return None
    try:
        picture = read_picture(data, RECIPE)
    except DecodeError as unfit:
        return ValidationResult(path, name, REJECTED, str(unfit))
    return ValidationResult(
        path, name, SUSPECT if picture.suspect else PASSED, picture.suspect, pixel_difference(data, picture)
    )


def pixel_difference(data: bytes, picture: Picture) -> float | None:
    """How far our pixels are from what a plain script makes of the same bytes."""
    try:
        with capture_libtiff_messages(), Image.open(io.BytesIO(data)) as opened:
            shown = to_rgb(ImageOps.exif_transpose(opened)).resize((128, 128), Image.Resampling.BILINEAR)
    except Exception:
        return None
    return float(np.abs(np.asarray(shown).astype(float) - picture.pixels).mean())


def refusals(judged: list[ValidationResult], rivals: tuple[Validator, ...]) -> dict[Path, tuple[int, int]]:
    """Of each file: how many were asked, and how many of them refused it.

    They get links with plain names: a space in a path, or a wrong ending, would be what they complain of.
    """
    asked: Counter[Path] = Counter()
    refused: Counter[Path] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for batch in _batches(judged):
            links = {Path(folder) / f"{number:02d}.{one.format}": one for number, one in enumerate(batch)}
            for link, one in links.items():
                link.symlink_to(one.path.resolve())
            for rival in rivals:
                known = [link for link, one in links.items() if not rival.formats or one.format in rival.formats]
                with capture_libtiff_messages():
                    flagged = rival.flagged(known) if known else set()
                asked.update(links[link].path for link in known)
                refused.update(links[link].path for link in flagged)
            for link in links:
                link.unlink()
    return {path: (asked[path], refused[path]) for path in asked}


def _batches(judged: list[ValidationResult]) -> Iterator[list[ValidationResult]]:
    for at in range(0, len(judged), BATCH_FILES):
        yield judged[at : at + BATCH_FILES]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="tools.disagree", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--levels", type=float, default=6)
    parser.add_argument("--json", action="store_true", help="one object a line")
    given = parser.parse_args()
    pillow_heif.register_heif_opener()
    judged = [one for path in sorted(given.folder.rglob("*")) if path.is_file() and (one := validate(path))]
    said = refusals(judged, tuple(rival for rival in VALIDATORS if rival.present() and rival.name != "Pillow verify"))
    lists = {
        "rejected here, read by all others": [
            one for one in judged if one.verdict == REJECTED and said[one.path][1] == 0
        ],
        "passed here, refused by all others": [
            one for one in judged if one.verdict == PASSED and said[one.path][0] == said[one.path][1]
        ],
        "shown otherwise than by Pillow": [one for one in judged if (one.apart or 0) > given.levels],
    }
    for title, found in lists.items():
        if not given.json:
            print(f"\n{title}: {len(found)} of {len(judged)}")
        for one in found:
            told = {"list": title, "path": str(one.path), "format": one.format, "words": one.words, "apart": one.apart}
            levels = f" {one.apart:.0f} levels" if one.apart is not None else ""
            print(json.dumps(told) if given.json else f"  {one.path}  {one.words or one.verdict}{levels}")


if __name__ == "__main__":
    main()

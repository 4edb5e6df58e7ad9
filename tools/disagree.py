"""List the files of a folder on which catalogd and other programs disagree, to find mistakes on new files.

    python -m tools.disagree FOLDER [--levels 6] [--json]

Every file that is recognised as an image is checked by catalogd and by each program of `tools.bench.other_validators`
that is installed and knows its format. Listed are the files that catalogd rejects and all others accept, those that
catalogd passes (not even suspect) and all others refuse, and those whose pixels, at the default model's size, differ
from Pillow's by more than `--levels` of 255 on average. Look at each: ImageMagick refuses some files for their
metadata, and Pillow decodes some TIFF files wrongly.
"""

import argparse
import io
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pillow_heif
from PIL import Image, ImageOps

from models.decode.formats import identify_format
from models.decode.stderr_capture import capture_libtiff_messages
from models.picture import DecodeError, Picture, Recipe, read_picture
from tools.bench.other_validators import VALIDATORS, Validator
from tools.goldens import to_rgb

RECIPE = Recipe(128, 128, "squash", "bilinear", 0)
BATCH_FILES = 40  # files in one call of a command
PASSED, SUSPECT, REJECTED = "passed", "suspect", "rejected"


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """catalogd's result; `apart`: mean difference to Pillow's pixels in levels of 255, None where Pillow fails."""

    path: Path
    format: str
    verdict: str
    reason: str
    apart: float | None = None


class Refusals(NamedTuple):
    """How many validators checked a file, and how many refused it."""

    checked: int
    refused: int


def validate(path: Path) -> ValidationResult | None:
    """Return catalogd's result; None where the file is no image."""
    data = path.read_bytes()
    try:
        name = identify_format(data).name
    except DecodeError:
        return None
    try:
        picture = read_picture(data, RECIPE)
    except DecodeError as error:
        return ValidationResult(path, name, REJECTED, str(error))
    return ValidationResult(
        path, name, SUSPECT if picture.suspect else PASSED, picture.suspect, pixel_difference(data, picture)
    )


def pixel_difference(data: bytes, picture: Picture) -> float | None:
    """Return the mean difference to Pillow's pixels of the same bytes; None where Pillow cannot decode them."""
    try:
        with capture_libtiff_messages(), Image.open(io.BytesIO(data)) as opened:
            expected = to_rgb(ImageOps.exif_transpose(opened)).resize((128, 128), Image.Resampling.BILINEAR)
    except Exception:
        return None
    return float(np.abs(np.asarray(expected).astype(float) - picture.pixels).mean())


def refusals(results: list[ValidationResult], validators: tuple[Validator, ...]) -> dict[Path, Refusals]:
    """Return, for each file, how many validators checked it and how many of them refused it.

    They get links with plain names: they would complain of a space in a path or a wrong extension.
    """
    checked: Counter[Path] = Counter()
    refused: Counter[Path] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for batch in _batches(results):
            links = {Path(folder) / f"{number:02d}.{result.format}": result for number, result in enumerate(batch)}
            for link, result in links.items():
                link.symlink_to(result.path.resolve())
            for validator in validators:
                known = [
                    link
                    for link, result in links.items()
                    if not validator.formats or result.format in validator.formats
                ]
                with capture_libtiff_messages():
                    flagged = validator.flagged(known) if known else set()
                checked.update(links[link].path for link in known)
                refused.update(links[link].path for link in flagged)
            for link in links:
                link.unlink()
    return {path: Refusals(checked[path], refused[path]) for path in checked}


def _batches(results: list[ValidationResult]) -> Iterator[list[ValidationResult]]:
    for at in range(0, len(results), BATCH_FILES):
        yield results[at : at + BATCH_FILES]


def main() -> None:
    """Print the three lists, or JSON lines."""
    parser = argparse.ArgumentParser(prog="tools.disagree", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--levels", type=float, default=6)
    parser.add_argument("--json", action="store_true", help="one object per line")
    options = parser.parse_args()
    pillow_heif.register_heif_opener()
    results = [result for path in sorted(options.folder.rglob("*")) if path.is_file() and (result := validate(path))]
    validators = tuple(one for one in VALIDATORS if one.is_installed() and one.name != "Pillow verify")
    refused_by = refusals(results, validators)
    lists = {
        "rejected by catalogd, accepted by all others": [
            result for result in results if result.verdict == REJECTED and refused_by[result.path].refused == 0
        ],
        "passed by catalogd, refused by all others": [
            result
            for result in results
            if result.verdict == PASSED and refused_by[result.path].checked == refused_by[result.path].refused
        ],
        "decoded differently from Pillow": [result for result in results if (result.apart or 0) > options.levels],
    }
    for title, found in lists.items():
        if not options.json:
            print(f"\n{title}: {len(found)} of {len(results)}")
        for result in found:
            if options.json:
                keys = {"list": title, "path": str(result.path), "format": result.format}
                print(json.dumps(keys | {"words": result.reason, "apart": result.apart}))
            else:
                levels = f" {result.apart:.0f} levels" if result.apart is not None else ""
                print(f"  {result.path}  {result.reason or result.verdict}{levels}")


if __name__ == "__main__":
    main()

"""Find how early a decoder may shrink a large JPEG without an effect on the vectors."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.bundle.folder import Bundle
from models.picture import read_picture
from models.recipe import Recipe
from models.runtime.attestation import max_unexplained_variance, row_cosines, unexplained_variance
from models.runtime.session import Session
from tools.goldens import GoldenFile, huge_jpeg, write_pictures

FACTORS = (2.0, 3.0, 4.0)  # a smaller factor shrinks more; under 2 the image only gets blurred (38 dB at worst)
MIN_COSINE = 0.999
PICTURE_KINDS = ("subject_picture", "leaves_picture", "page_picture", "captioned_picture")


def jpegs_below(folder: Path) -> list[Path]:
    """Return the files below a folder that are named like JPEGs, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))


def draw_jpegs(folder: Path, seed: int) -> list[Path]:
    """Write large drawn JPEGs to measure with, where there are no real ones; return their paths."""
    rows = tuple(GoldenFile(f"{kind}.jpg", kind, 520, 800, huge_jpeg) for kind in PICTURE_KINDS)
    return [folder / name for name in write_pictures(folder, seed, rows)]


def measure_shortcuts(bundle: Bundle, session: Session, jpegs: Sequence[Path]) -> tuple[float, dict[str, float]]:
    """Return `scaled_jpeg`, 0 where no factor is accurate, and the lowest cosine to exact decoding by factor."""
    data = [path.read_bytes() for path in (*bundle.goldens, *jpegs)]
    exact = session.run(_pixels(data, bundle.recipe))
    by_factor: dict[str, float] = {}
    for factor in FACTORS:
        vectors = session.run(_pixels(data, bundle.recipe._replace(scaled_jpeg=factor)))
        by_factor[f"{factor:g}"] = round(float(row_cosines(vectors, exact).min()), 6)
        if by_factor[f"{factor:g}"] >= MIN_COSINE and unexplained_variance(vectors, exact) <= max_unexplained_variance(
            MIN_COSINE
        ):
            return factor, by_factor
    return 0.0, by_factor


def _pixels(data: list[bytes], recipe: Recipe) -> np.ndarray:
    return np.stack([read_picture(each, recipe).pixels for each in data])

"""Another model for a household: what the tests of a switch share."""

from pathlib import Path

from tests.support.running_service import Household, picture
from tests.support.tiny_bundle import write_tiny_bundle

OTHER = {"resize": "squash", "interpolation": "bilinear", "scaled_jpeg": 2.0, "background": [255] * 3}


def other_bundle(folder: Path, threshold: float = 0.9) -> Path:
    """A bundle with the same graph and other preprocessing: other vectors, another id."""
    goldens = {"golden.png": picture(-1)}
    return write_tiny_bundle(folder, goldens, name="other", preprocess=OTHER, golden_threshold=threshold)


def choose(house: Household, bundle: Path) -> None:
    """Name another bundle in the configuration."""
    lines = house.config_path.read_text().splitlines()
    lines = [f'bundle = "{bundle}"' if line.startswith("bundle") else line for line in lines]
    house.config_path.write_text("\n".join(lines) + "\n")

"""A second model to switch a service to."""

from pathlib import Path

from tests.support.running_service import RunningService, picture
from tests.support.tiny_bundle import write_tiny_bundle

OTHER = {"resize": "squash", "interpolation": "bilinear", "scaled_jpeg": 2.0, "background": [255] * 3}


def other_bundle(folder: Path, threshold: float = 0.9) -> Path:
    """Write a bundle with the same graph and other preprocessing: other vectors, another id."""
    goldens = {"golden.png": picture(-1)}
    return write_tiny_bundle(folder, goldens, name="other", preprocess=OTHER, golden_threshold=threshold)


def configure_bundle(service: RunningService, bundle: Path) -> None:
    """Set the bundle in the configuration."""
    lines = service.config_path.read_text().splitlines()
    lines = [f'bundle = "{bundle}"' if line.startswith("bundle") else line for line in lines]
    service.config_path.write_text("\n".join(lines) + "\n")

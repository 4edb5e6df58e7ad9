"""The bundle that the configuration names."""

from pathlib import Path

from catalog.config import ModelSettings
from catalog.faults import PlaceFault
from models.bundle import Bundle, BundleError, default_folder, load_bundle


def find_bundle(settings: ModelSettings) -> Bundle:
    """Load it. Raises PlaceFault where it is absent or altered."""
    folder = default_folder() if settings.bundle == "default" else Path(settings.bundle).expanduser()
    try:
        return load_bundle(folder)
    except BundleError as error:
        raise PlaceFault(str(error), 'Or set `bundle = "default"` under [model].') from error

"""Where the service's own program lies."""

import sys
import sysconfig
from pathlib import Path

from catalog.errors import PlaceFault


def service_program() -> Path:
    """`catalogd` beside the `catalog` that was typed, or where this Python keeps its scripts. Raises PlaceFault."""
    for folder in (Path(sys.argv[0]).absolute().parent, Path(sysconfig.get_path("scripts"))):
        if (folder / "catalogd").is_file():
            return folder / "catalogd"
    raise PlaceFault("`catalogd` is not beside `catalog`", "Install the package again: `pip install catalogd`.")

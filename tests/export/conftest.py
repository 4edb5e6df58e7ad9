"""What the tests of the exporter share. They need PyTorch and the families' packages: `make test-export`."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.export.requirements import MISSING, Made

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
# The tools are run from a checkout and never installed.
sys.path.insert(0, str(ROOT))

if MISSING:
    collect_ignore_glob = ["test_command.py", "test_families.py", "test_transforms.py", "test_wrong.py"]
else:
    from tools.export.operators import import_torchvision

    import_torchvision()

# Of each kind of real file some, small enough that Pillow's full decode does not take the whole time.
SAMPLE = {"photo": 12, "screenshot": 60, "meme": 40, "camera": 12, "exif": 8}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    """A family's small variant, exported once for all tests."""

    done: dict[str, Made | Exception] = {}

    def make(family: str) -> Made:
        if family not in done:
            try:
                done[family] = build(family)
            except Exception as error:  # once, not once a test
                done[family] = error
        found = done[family]
        if isinstance(found, Exception):
            raise found
        return found

    def build(family: str) -> Made:
        from tests.export.small_models import BUILDERS
        from tools.export.make import ExportOptions, make_bundle
        from tools.export.shortcut import jpegs_below

        folder = tmp_path_factory.mktemp(family)
        (folder / "source").mkdir()
        source = BUILDERS[family](folder / "source")
        wish = ExportOptions(strangers=16, jpegs=jpegs_below(CORPUS / "photo")[:3])
        return Made(source, make_bundle(source, folder / "bundle", wish))

    return make


@pytest.fixture(scope="session")
def real_files() -> list[Path]:
    """Pictures from the corpus that Pillow reads, too; the test is skipped where it is absent."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real files (../shared/corpus) is absent")
    kinds = (".jpg", ".jpeg", ".png", ".webp")
    return [
        path
        for folder, step in SAMPLE.items()
        for path in sorted(p for p in (CORPUS / folder).rglob("*") if p.suffix.lower() in kinds)[3::step]
        if path.stat().st_size < 3_000_000
    ]

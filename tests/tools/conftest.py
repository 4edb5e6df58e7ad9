"""Fixtures of the tests of the tools."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
# The tools are run from a checkout and never installed.
sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session")
def bundle_folder() -> Path:
    """Return the folder of the embedded default bundle."""
    return ROOT / "models" / "default"


@pytest.fixture(scope="session")
def real_files() -> Path:
    """Return the folder of real files beside the repository; skip the test without it."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real files (../shared/corpus) is absent")
    return CORPUS

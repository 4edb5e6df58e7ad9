"""What the tests of the model house share."""

from pathlib import Path

import pytest

from models.bundle.folder import Bundle, load_bundle
from models.runtime.session import Session
from tests.support.tiny_bundle import write_tiny_bundle

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


def pytest_configure(config: pytest.Config) -> None:
    """pytest sets the filters anew for each test; the product ignores Pillow's remarks for good."""
    config.addinivalue_line("filterwarnings", r"ignore:::PIL\.")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real files beside the repository; the test is skipped where it is absent."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real files (../shared/corpus) is absent")
    return CORPUS


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle without goldens."""
    return load_bundle(write_tiny_bundle(tmp_path_factory.mktemp("tiny") / "bundle"))


@pytest.fixture(scope="session")
def session(tiny: Bundle) -> Session:
    """The tiny bundle on the CPU."""
    return Session(tiny, provider="cpu", threads=1)

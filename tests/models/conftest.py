"""Fixtures of the tests of models."""

from pathlib import Path

import pytest

from models.bundle.folder import Bundle, load_bundle
from models.runtime.session import Session
from tests.support.tiny_bundle import write_tiny_bundle

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


def pytest_configure(config: pytest.Config) -> None:
    """Ignore Pillow's warnings as the product does: pytest resets the filters for each test."""
    config.addinivalue_line("filterwarnings", r"ignore:::PIL\.")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the folder of real files beside the repository; skip the test without it."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real files (../shared/corpus) is absent")
    return CORPUS


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Return a bundle without goldens."""
    return load_bundle(write_tiny_bundle(tmp_path_factory.mktemp("tiny") / "bundle"))


@pytest.fixture(scope="session")
def session(tiny: Bundle) -> Session:
    """Return a session of the tiny bundle on the CPU."""
    return Session(tiny, provider="cpu", threads=1)

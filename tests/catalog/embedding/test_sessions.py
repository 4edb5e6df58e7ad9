"""The network as the configuration wants it: batches, devices, engines, and what cannot be had."""

from pathlib import Path

import pytest

from catalog.config.load import Config
from catalog.config.settings import ModelSettings
from catalog.embedding.sessions import open_session
from catalog.errors import ResourceError
from models.bundle.folder import Bundle, load_bundle
from models.runtime.provider import CPU, has_gpu
from models.runtime.session import Session
from tests.support.tiny_bundle import write_tiny_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return load_bundle(write_tiny_bundle(tmp_path / "bundle"))


def wanting(folder: Path, **settings: object) -> Config:
    return Config(folder / "config.toml", folder / "state", (b"/photos",), model=ModelSettings(**settings))  # type: ignore[arg-type]


def test_the_batch_of_the_configuration(bundle: Bundle, tmp_path: Path) -> None:
    assert open_session(bundle, wanting(tmp_path, provider="cpu", batch=5)).batch == 5
    assert open_session(bundle, wanting(tmp_path, provider="cpu")).batch == 8


def test_a_cpu_is_one_device(bundle: Bundle, tmp_path: Path) -> None:
    session = open_session(bundle, wanting(tmp_path, provider="cpu", devices=(0, 1)))
    assert isinstance(session, Session)
    assert (session.provider, session.devices) == (CPU, ())


@pytest.mark.skipif(has_gpu(), reason="this machine has an NVIDIA device")
@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_gpu_that_is_not_there_names_the_remedy(bundle: Bundle, tmp_path: Path, provider: str) -> None:
    with pytest.raises(ResourceError, match="cannot be had") as raised:
        open_session(bundle, wanting(tmp_path, provider=provider, devices=(0, 1)))
    assert "catalogd[cuda]" in raised.value.remedy
    made = [path.name for path in (tmp_path / "state").glob("engines/*")]
    assert made == ([bundle.id] if provider == "tensorrt" else [])

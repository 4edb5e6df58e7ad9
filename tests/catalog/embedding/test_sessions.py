"""Tests of opening the model as configured: batches, devices, engines, and unavailable providers."""

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


def config_with(folder: Path, **settings: object) -> Config:
    return Config(folder / "config.toml", folder / "state", (b"/photos",), model=ModelSettings(**settings))  # type: ignore[arg-type]


def test_the_configured_batch_size_is_used(bundle: Bundle, tmp_path: Path) -> None:
    assert open_session(bundle, config_with(tmp_path, provider="cpu", batch=5)).batch == 5
    assert open_session(bundle, config_with(tmp_path, provider="cpu")).batch == 8


def test_the_cpu_is_one_device(bundle: Bundle, tmp_path: Path) -> None:
    session = open_session(bundle, config_with(tmp_path, provider="cpu", devices=(0, 1)))
    assert isinstance(session, Session)
    assert (session.provider, session.devices) == (CPU, ())


@pytest.mark.skipif(has_gpu(), reason="this machine has an NVIDIA device")
@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_missing_gpu_is_reported_with_a_remedy(bundle: Bundle, tmp_path: Path, provider: str) -> None:
    with pytest.raises(ResourceError, match="provider not available") as raised:
        open_session(bundle, config_with(tmp_path, provider=provider, devices=(0, 1)))
    assert "catalogd[cuda]" in raised.value.remedy
    engines = [path.name for path in (tmp_path / "state").glob("engines/*")]
    assert engines == ([bundle.id] if provider == "tensorrt" else [])

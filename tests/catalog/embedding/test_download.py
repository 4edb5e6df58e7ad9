"""Tests of `catalog model pull`: from a server with the hub's protocol and from a folder; broken models are refused."""

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.bundle.folder import load_bundle
from models.runtime.attestation import attest
from models.runtime.session import Session
from models.runtime.text_attestation import attest_text
from models.runtime.text_encoder import TextEncoder
from tests.support.fake_hub import COMMIT, Hub
from tests.support.running_service import RunningService, picture
from tests.support.slow import mostly_slow
from tests.support.tiny_repository import DIMS, picture_graph, repository


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    service = RunningService(tmp_path)
    service.path("1.png").write_bytes(picture(1))
    assert service.once().returncode == 0
    yield service
    service.close()


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub("owner/tiny", repository())
    yield hub
    hub.close()


def pull(
    service: RunningService, *arguments: str, address: str = "http://127.0.0.1:9"
) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would, against the hub at `address` (by default one that does not run)."""
    return service.catalog(
        *("model", "pull", *arguments),
        HF_ENDPOINT=address,
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_DOWNLOAD_TIMEOUT="5",
    )


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_a_hub_repository_becomes_an_attested_bundle(service: RunningService, hub: Hub) -> None:
    result = pull(service, "owner/tiny", address=hub.address)
    assert result.returncode == 0, result.stderr
    bundle = load_bundle(service.state / "models" / "tiny")
    assert (bundle.dims, bundle.source.revision) == (DIMS, COMMIT)
    assert (bundle.recipe.resize, bundle.recipe.interpolation) == ("shortest", "bicubic")
    session, encoder = Session(bundle, provider="cpu"), TextEncoder(bundle)
    assert attest(bundle, session).ok and attest_text(bundle, encoder).ok
    vectors = encoder.encode(["a red shrine", "A RED shrine", "blue moon"])
    assert np.allclose(vectors[0], vectors[1])
    assert vectors[0] @ vectors[2] < 0.99


def test_fetched_files_are_reused_offline(service: RunningService, hub: Hub) -> None:
    assert pull(service, "owner/tiny", address=hub.address).returncode == 0
    result = pull(service, "owner/tiny", "--name", "again", "--offline")
    assert result.returncode == 0, result.stderr
    assert load_bundle(service.state / "models" / "again").id == load_bundle(service.state / "models" / "tiny").id


def test_an_interrupted_download_is_resumed(service: RunningService, hub: Hub) -> None:
    hub.files["textual/tokenizer.json"] = (
        hub.files["textual/tokenizer.json"] + b" " * 30_000_000
    )  # more than two download chunks
    hub.cut.add("textual/tokenizer.json")
    pull(service, "owner/tiny", address=hub.address)
    result = pull(service, "owner/tiny", address=hub.address)
    assert result.returncode == 0 or "already" in result.stderr, result.stderr
    assert load_bundle(service.state / "models" / "tiny").text is not None
    assert any(path.endswith("tokenizer.json") and span for _, path, span in hub.requests), hub.requests


def test_without_a_network_the_error_names_a_remedy(service: RunningService) -> None:
    result = pull(service, "owner/tiny")
    assert result.returncode == 4
    assert "cannot be reached" in result.stderr and "folder" in result.stderr
    assert not (service.state / "models" / "tiny").exists()


def test_an_unknown_repository_or_revision_is_reported(service: RunningService, hub: Hub) -> None:
    assert pull(service, "owner/other", address=hub.address).returncode == 4
    result = pull(service, "owner/tiny", "--revision", "nowhere", address=hub.address)
    assert result.returncode == 4 and "nowhere" in result.stderr


def test_weights_with_another_digest_are_refused(service: RunningService, hub: Hub) -> None:
    result = pull(service, "owner/tiny", "--digest", "0" * 64, address=hub.address)
    assert result.returncode == 2 and "SHA-256" in result.stderr
    digest = hashlib.sha256(hub.files["visual/model.onnx"]).hexdigest()
    assert pull(service, "owner/tiny", "--digest", digest, address=hub.address).returncode == 0


def test_a_folder_needs_no_network_and_keeps_a_fixed_batch(service: RunningService, tmp_path: Path) -> None:
    files = repository() | {"visual/model.onnx": picture_graph(batch=1)}
    files = {name: data for name, data in files.items() if not name.startswith("textual")}
    result = pull(service, str(write(tmp_path / "prepared", files)))
    assert result.returncode == 0, result.stderr
    bundle = load_bundle(service.state / "models" / "prepared")
    session = Session(bundle, provider="cpu")
    assert bundle.text is None and session.batch == 1
    assert (bundle.name, bundle.source.name) == ("prepared", str(tmp_path / "prepared"))
    assert attest(bundle, session).ok


BROKEN = {
    "no preprocessing": {"visual/preprocess_cfg.json": None},
    "another resize": repository(resize_mode="letterbox"),
    "another size": repository(size=[64, 64]),
    "a truncated graph": {"visual/model.onnx": picture_graph()[:100]},
    "no tokeniser": {"textual/tokenizer.json": None},
    "no pad token": {"textual/tokenizer_config.json": b"{}"},
}


@pytest.mark.parametrize("changes", mostly_slow(BROKEN.values(), fast=2), ids=BROKEN.keys())
def test_a_broken_repository_is_refused_and_leaves_no_files(
    service: RunningService, tmp_path: Path, changes: dict[str, bytes | None]
) -> None:
    files = {name: data for name, data in (repository() | changes).items() if data is not None}
    result = pull(service, str(write(tmp_path / "prepared", files)))
    assert result.returncode in (2, 4), result.stderr
    assert "remedy" in result.stderr and "Traceback" not in result.stderr
    assert not list((service.state / "models").iterdir())

"""`catalog model pull`: from a server that speaks the hub's protocol, and from a folder; bad ones are refused."""

import hashlib
import os
import subprocess
import sys
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
from tests.support.running_service import Household, picture
from tests.support.tiny_repository import DIMS, picture_graph, repository


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    made = Household(tmp_path)
    Path(os.fsdecode(made.root), "1.png").write_bytes(picture(1))
    assert made.once().returncode == 0
    yield made
    made.close()


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub("owner/tiny", repository())
    yield made
    made.close()


def pull(house: Household, *arguments: str, address: str = "http://127.0.0.1:9") -> subprocess.CompletedProcess[str]:
    """Call the command as a person would, against that hub (else one that nobody runs)."""
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("catalog")),
            "model",
            "pull",
            "--config",
            str(house.config_path),
            *arguments,
        ],
        env=os.environ | {"HF_ENDPOINT": address, "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DOWNLOAD_TIMEOUT": "5"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_a_repository_of_the_hub_becomes_a_bundle_that_holds(house: Household, hub: Hub) -> None:
    done = pull(house, "owner/tiny", address=hub.address)
    assert done.returncode == 0, done.stderr
    bundle = load_bundle(house.state / "models" / "tiny")
    assert (bundle.dims, bundle.source.revision) == (DIMS, COMMIT)
    assert (bundle.recipe.resize, bundle.recipe.interpolation) == ("shortest", "bicubic")
    session, encoder = Session(bundle, provider="cpu"), TextEncoder(bundle)
    assert attest(bundle, session).ok and attest_text(bundle, encoder).ok
    vectors = encoder.encode(["a red shrine", "A RED shrine", "blue moon"])
    assert np.allclose(vectors[0], vectors[1])
    assert vectors[0] @ vectors[2] < 0.99


def test_what_was_fetched_serves_offline_and_is_not_fetched_again(house: Household, hub: Hub) -> None:
    assert pull(house, "owner/tiny", address=hub.address).returncode == 0
    done = pull(house, "owner/tiny", "--name", "again", "--offline")
    assert done.returncode == 0, done.stderr
    assert load_bundle(house.state / "models" / "again").id == load_bundle(house.state / "models" / "tiny").id


def test_a_download_that_breaks_off_goes_on_where_it_stopped(house: Household, hub: Hub) -> None:
    hub.files["textual/tokenizer.json"] = (
        hub.files["textual/tokenizer.json"] + b" " * 30_000_000
    )  # more than two of its pieces
    hub.cut.add("textual/tokenizer.json")
    pull(house, "owner/tiny", address=hub.address)
    done = pull(house, "owner/tiny", address=hub.address)
    assert done.returncode == 0 or "already" in done.stderr, done.stderr
    assert load_bundle(house.state / "models" / "tiny").text is not None
    assert any(path.endswith("tokenizer.json") and span for _, path, span in hub.asked), hub.asked


def test_without_a_network_the_remedy_is_named(house: Household) -> None:
    done = pull(house, "owner/tiny")
    assert done.returncode == 4
    assert "cannot be reached" in done.stderr and "folder" in done.stderr
    assert not (house.state / "models" / "tiny").exists()


def test_an_unknown_repository_or_revision_is_said(house: Household, hub: Hub) -> None:
    assert pull(house, "owner/other", address=hub.address).returncode == 4
    done = pull(house, "owner/tiny", "--revision", "nowhere", address=hub.address)
    assert done.returncode == 4 and "nowhere" in done.stderr


def test_other_weights_than_those_asked_for_are_refused(house: Household, hub: Hub) -> None:
    done = pull(house, "owner/tiny", "--digest", "0" * 64, address=hub.address)
    assert done.returncode == 2 and "SHA-256" in done.stderr
    right = hashlib.sha256(hub.files["visual/model.onnx"]).hexdigest()
    assert pull(house, "owner/tiny", "--digest", right, address=hub.address).returncode == 0


def test_a_folder_needs_no_network_and_a_fixed_batch_is_kept(house: Household, tmp_path: Path) -> None:
    files = repository() | {"visual/model.onnx": picture_graph(batch=1)}
    files = {name: data for name, data in files.items() if not name.startswith("textual")}
    done = pull(house, str(write(tmp_path / "prepared", files)))
    assert done.returncode == 0, done.stderr
    bundle = load_bundle(house.state / "models" / "prepared")
    session = Session(bundle, provider="cpu")
    assert bundle.text is None and session.batch == 1
    assert (bundle.name, bundle.source.name) == ("prepared", str(tmp_path / "prepared"))
    assert attest(bundle, session).ok


BROKEN = {
    "no preprocessing": {"visual/preprocess_cfg.json": None},
    "another resize": repository(resize_mode="letterbox"),
    "another size": repository(size=[64, 64]),
    "half a graph": {"visual/model.onnx": picture_graph()[:100]},
    "no tokeniser": {"textual/tokenizer.json": None},
    "no pad token": {"textual/tokenizer_config.json": b"{}"},
}


@pytest.mark.parametrize("changes", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_repository_is_refused_and_leaves_nothing(
    house: Household, tmp_path: Path, changes: dict[str, bytes | None]
) -> None:
    files = {name: data for name, data in (repository() | changes).items() if data is not None}
    done = pull(house, str(write(tmp_path / "prepared", files)))
    assert done.returncode in (2, 4), done.stderr
    assert "remedy" in done.stderr and "Traceback" not in done.stderr
    assert not list((house.state / "models").iterdir())

"""`catalog model`: list, show, check, use, pull and drop."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from catalog.cli.main import cli
from catalog.errors import ResourceError, UsageError
from catalog.similarity.index_file import header_path
from tests.support.running_service import Household, picture, until
from tests.support.tiny_bundle import write_tiny_bundle

OTHER = {"resize": "squash", "interpolation": "bilinear", "scaled_jpeg": 2.0, "background": [255] * 3}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    made = Household(tmp_path)
    for seed in range(6):
        Path(os.fsdecode(made.root), f"{seed}.png").write_bytes(picture(seed))
    assert made.once().returncode == 0
    folder = made.state / "models" / "other"
    write_tiny_bundle(folder, {"golden.png": picture(-1)}, name="other", preprocess=OTHER, golden_threshold=0.9)
    yield made
    made.close()


def call(house: Household, *arguments: str) -> Result:
    """Run `catalog` in this process."""
    return CliRunner().invoke(cli, ["--config", str(house.config_path), *arguments])


def listed(house: Household) -> dict[str, dict[str, object]]:
    lines = call(house, "model", "list", "--json").stdout.splitlines()
    return {line["name"]: line for line in map(json.loads, lines)}


def test_list_shows_the_embedded_the_pulled_and_the_current_model(house: Household) -> None:
    found = listed(house)
    assert {"default", "other", str(house.folder / "bundle")} == found.keys()
    assert found[str(house.folder / "bundle")] | {"id": 0} == {
        "name": str(house.folder / "bundle"),
        "id": 0,
        "role": "current",
        "dims": 48,
        "text": False,
        "vectors": 6,
        "folder": str(house.folder / "bundle"),
        "problem": None,
    }
    assert found["other"]["role"] is None


def test_a_broken_bundle_is_listed_with_its_problem(house: Household) -> None:
    (house.state / "models" / "other" / "model.onnx").write_bytes(b"")
    assert "altered or cut" in str(listed(house)["other"]["problem"])


def test_show_prints_what_determines_the_vectors(house: Household) -> None:
    found = json.loads(call(house, "model", "show", "--json").stdout)
    assert found["name"] == "tiny"
    assert len(found["graph_sha256"]) == 64
    assert {"numpy", "pillow", "python"} <= found["runs_with"].keys()
    assert (found["role"], found["provider"]) == ("current", "CPUExecutionProvider")


def test_check_passes_a_good_bundle_and_fails_a_bad_one(house: Household) -> None:
    good = call(house, "model", "check", "other", "--json")
    assert good.exit_code in (0, None) and json.loads(good.stdout)["ok"]
    (house.state / "models" / "other" / "goldens" / "golden.png").write_bytes(picture(-5))
    bad = json.loads(call(house, "model", "check", "other", "--json").stdout)
    assert not bad["ok"] and "cosine" in bad["word"]


def test_use_switches_the_model_and_drop_deletes_the_old_vectors(house: Household) -> None:
    house.start()
    assert "the service is preparing it" in call(house, "model", "use", "other").stderr
    assert until(lambda: listed(house)["other"]["role"] == "current"), house.tail()
    assert until(lambda: not house.busy()), house.tail()
    old = str(house.folder / "bundle")
    engines = [house.state / "engines" / str(listed(house)[name]["id"]) for name in (old, "other")]
    for folder in engines:
        folder.mkdir(parents=True)
    snapshots = f"{header_path(house.state, str(listed(house)[old]['id'])).stem}*"
    assert len(list(house.state.glob(snapshots))) == 2
    assert "6 vectors deleted" in call(house, "model", "drop", old).stderr
    assert list(house.state.glob(snapshots)) == []  # SQLite may use the ids in it again
    assert (house.folder / "bundle" / "model.onnx").exists()  # the owner's folder is not deleted
    assert [folder.exists() for folder in engines] == [False, True]
    assert house.stop() == 0
    assert house.rows("SELECT count(*) FROM vector") == [(6,)]
    assert house.findings() == []


def test_use_stores_the_absolute_path_of_a_folder(house: Household, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(house.state / "models")
    assert call(house, "model", "use", "./other").exception is None
    assert house.config.model.bundle == str(house.state / "models" / "other")
    model = json.loads(call(house, "status", "--json").stdout)["model"]
    assert model["wanted"] == house.config.model.bundle
    assert house.once().returncode == 0
    model = json.loads(call(house, "status", "--json").stdout)["model"]
    assert (model["name"], model["wanted"]) == ("other", None)


def test_an_unknown_model_is_answered_with_a_likely_correction(
    house: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(house.folder)
    (house.folder / "prepared" / "visual").mkdir(parents=True)
    (house.folder / "prepared" / "visual" / "model.onnx").write_bytes(b"")
    for name, remedy in (("nothing", "model list"), ("bundle", "./bundle"), ("./prepared", "model pull ./prepared")):
        error = call(house, "model", "use", name).exception
        assert isinstance(error, ResourceError) and remedy in error.remedy
    (house.folder / "bundle" / "bundle.json").unlink()
    assert "bundle.json is missing" in str(call(house, "model", "use", "./bundle").exception)


def test_pull_refuses_invalid_names(house: Household) -> None:
    source = str(house.folder / "bundle")
    for name in ("../other", "default", ".hidden", "a/b", ""):
        assert isinstance(call(house, "model", "pull", source, "--name", name).exception, UsageError) == (name != "")
    assert sorted(path.name for path in (house.state / "models").iterdir()) == ["bundle", "other"]


def test_the_configured_model_cannot_be_dropped(house: Household) -> None:
    assert call(house, "model", "use", "other").exception is None
    assert isinstance(call(house, "model", "drop", "other").exception, UsageError)
    assert (house.state / "models" / "other" / "bundle.json").exists()


def test_a_pass_reports_that_the_configured_bundle_cannot_be_used(house: Household) -> None:
    assert call(house, "model", "use", "other").exception is None
    (house.state / "models" / "other" / "model.onnx").write_bytes(b"")
    Path(os.fsdecode(house.root), "late.png").write_bytes(picture(77))
    done = house.once()
    assert done.returncode == 4 and "altered or cut" in done.stderr
    assert house.rows("SELECT count(*) FROM vector") == [(7,)]  # embedded by the current model


def test_drop_keeps_vectors_that_cannot_be_computed_again(house: Household, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Path(os.fsdecode(house.root), "0.png")
    assert call(house, "label", "delete", str(gone)).exception is None
    gone.unlink()
    assert call(house, "model", "use", "other").exception is None
    assert house.once().returncode == 0
    monkeypatch.chdir(house.folder)
    messages = call(house, "model", "drop", "./bundle").stderr
    assert "5 vectors deleted" in messages and "1 kept" in messages
    assert house.rows("SELECT count(*) FROM vector v JOIN model m ON m.id = v.model WHERE m.name = 'tiny'") == [(1,)]
    assert house.findings() == []


def test_the_current_model_cannot_be_dropped(house: Household) -> None:
    result = call(house, "model", "drop", str(house.folder / "bundle"))
    assert isinstance(result.exception, UsageError)
    assert house.rows("SELECT count(*) FROM vector") == [(6,)]


def test_use_refuses_a_model_that_fails_its_check(house: Household) -> None:
    before = house.config_path.read_text()
    (house.state / "models" / "other" / "goldens" / "golden.png").write_bytes(picture(-5))
    result = call(house, "model", "use", "other")
    assert "does not reproduce its golden vectors" in str(result.exception)
    assert house.config_path.read_text() == before

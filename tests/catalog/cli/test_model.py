"""`catalog model`: list, show, check, use, pull and drop."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.errors import ResourceError, UsageError
from catalog.similarity.index_file import header_path
from tests.support.running_service import RunningService, picture
from tests.support.tiny_bundle import write_tiny_bundle
from tests.support.waiting import wait_until

OTHER = {"resize": "squash", "interpolation": "bilinear", "scaled_jpeg": 2.0, "background": [255] * 3}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    made = RunningService(tmp_path)
    for seed in range(6):
        made.path(f"{seed}.png").write_bytes(picture(seed))
    assert made.once().returncode == 0
    folder = made.state / "models" / "other"
    write_tiny_bundle(folder, {"golden.png": picture(-1)}, name="other", preprocess=OTHER, golden_threshold=0.9)
    yield made
    made.close()


def listed(service: RunningService) -> dict[str, dict[str, object]]:
    lines = service.invoke("model", "list", "--json").stdout.splitlines()
    return {line["name"]: line for line in map(json.loads, lines)}


def test_list_shows_the_embedded_the_pulled_and_the_current_model(service: RunningService) -> None:
    found = listed(service)
    assert {"default", "other", str(service.folder / "bundle")} == found.keys()
    assert found[str(service.folder / "bundle")] | {"id": 0} == {
        "name": str(service.folder / "bundle"),
        "id": 0,
        "role": "current",
        "dims": 48,
        "text": False,
        "vectors": 6,
        "folder": str(service.folder / "bundle"),
        "problem": None,
    }
    assert found["other"]["role"] is None


def test_a_broken_bundle_is_listed_with_its_problem(service: RunningService) -> None:
    (service.state / "models" / "other" / "model.onnx").write_bytes(b"")
    assert "altered or cut" in str(listed(service)["other"]["problem"])


def test_show_prints_what_determines_the_vectors(service: RunningService) -> None:
    found = json.loads(service.invoke("model", "show", "--json").stdout)
    assert found["name"] == "tiny"
    assert len(found["graph_sha256"]) == 64
    assert {"numpy", "pillow", "python"} <= found["runs_with"].keys()
    assert (found["role"], found["provider"]) == ("current", "CPUExecutionProvider")


def test_check_passes_a_good_bundle_and_fails_a_bad_one(service: RunningService) -> None:
    good = service.invoke("model", "check", "other", "--json")
    assert good.exit_code in (0, None) and json.loads(good.stdout)["ok"]
    (service.state / "models" / "other" / "goldens" / "golden.png").write_bytes(picture(-5))
    bad = json.loads(service.invoke("model", "check", "other", "--json").stdout)
    assert not bad["ok"] and "cosine" in bad["word"]


def test_use_switches_the_model_and_drop_deletes_the_old_vectors(service: RunningService) -> None:
    service.start()
    assert "the service is preparing it" in service.invoke("model", "use", "other").stderr
    assert wait_until(lambda: listed(service)["other"]["role"] == "current"), service.tail()
    assert wait_until(lambda: not service.busy()), service.tail()
    old = str(service.folder / "bundle")
    engines = [service.state / "engines" / str(listed(service)[name]["id"]) for name in (old, "other")]
    for folder in engines:
        folder.mkdir(parents=True)
    snapshots = f"{header_path(service.state, str(listed(service)[old]['id'])).stem}*"
    assert len(list(service.state.glob(snapshots))) == 2
    assert "6 vectors deleted" in service.invoke("model", "drop", old).stderr
    assert list(service.state.glob(snapshots)) == []  # SQLite may use the ids in it again
    assert (service.folder / "bundle" / "model.onnx").exists()  # the owner's folder is not deleted
    assert [folder.exists() for folder in engines] == [False, True]
    assert service.stop() == 0
    assert service.rows("SELECT count(*) FROM vector") == [(6,)]
    assert service.findings() == []


def test_use_stores_the_absolute_path_of_a_folder(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(service.state / "models")
    assert service.invoke("model", "use", "./other").exception is None
    assert service.config.model.bundle == str(service.state / "models" / "other")
    model = json.loads(service.invoke("status", "--json").stdout)["model"]
    assert model["wanted"] == service.config.model.bundle
    assert service.once().returncode == 0
    model = json.loads(service.invoke("status", "--json").stdout)["model"]
    assert (model["name"], model["wanted"]) == ("other", None)


def test_an_unknown_model_is_answered_with_a_likely_correction(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(service.folder)
    (service.folder / "prepared" / "visual").mkdir(parents=True)
    (service.folder / "prepared" / "visual" / "model.onnx").write_bytes(b"")
    for name, remedy in (("nothing", "model list"), ("bundle", "./bundle"), ("./prepared", "model pull ./prepared")):
        error = service.invoke("model", "use", name).exception
        assert isinstance(error, ResourceError) and remedy in error.remedy
    (service.folder / "bundle" / "bundle.json").unlink()
    assert "bundle.json is missing" in str(service.invoke("model", "use", "./bundle").exception)


def test_pull_refuses_invalid_names(service: RunningService) -> None:
    source = str(service.folder / "bundle")
    for name in ("../other", "default", ".hidden", "a/b", ""):
        assert isinstance(service.invoke("model", "pull", source, "--name", name).exception, UsageError) == (name != "")
    assert sorted(path.name for path in (service.state / "models").iterdir()) == ["bundle", "other"]


def test_the_configured_model_cannot_be_dropped(service: RunningService) -> None:
    assert service.invoke("model", "use", "other").exception is None
    assert isinstance(service.invoke("model", "drop", "other").exception, UsageError)
    assert (service.state / "models" / "other" / "bundle.json").exists()


def test_a_pass_reports_that_the_configured_bundle_cannot_be_used(service: RunningService) -> None:
    assert service.invoke("model", "use", "other").exception is None
    (service.state / "models" / "other" / "model.onnx").write_bytes(b"")
    service.path("late.png").write_bytes(picture(77))
    done = service.once()
    assert done.returncode == 4 and "altered or cut" in done.stderr
    assert service.rows("SELECT count(*) FROM vector") == [(7,)]  # embedded by the current model


def test_drop_keeps_vectors_that_cannot_be_computed_again(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = service.path("0.png")
    assert service.invoke("label", "delete", str(gone)).exception is None
    gone.unlink()
    assert service.invoke("model", "use", "other").exception is None
    assert service.once().returncode == 0
    monkeypatch.chdir(service.folder)
    messages = service.invoke("model", "drop", "./bundle").stderr
    assert "5 vectors deleted" in messages and "1 kept" in messages
    assert service.rows("SELECT count(*) FROM vector v JOIN model m ON m.id = v.model WHERE m.name = 'tiny'") == [(1,)]
    assert service.findings() == []


def test_the_current_model_cannot_be_dropped(service: RunningService) -> None:
    result = service.invoke("model", "drop", str(service.folder / "bundle"))
    assert isinstance(result.exception, UsageError)
    assert service.rows("SELECT count(*) FROM vector") == [(6,)]


def test_use_refuses_a_model_that_fails_its_check(service: RunningService) -> None:
    before = service.config_path.read_text()
    (service.state / "models" / "other" / "goldens" / "golden.png").write_bytes(picture(-5))
    result = service.invoke("model", "use", "other")
    assert "does not reproduce its golden vectors" in str(result.exception)
    assert service.config_path.read_text() == before

"""Tests of `catalog search`: texts, negative texts, images and filters, with and without the service."""

import json
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

from catalog.embedding.download import pull
from catalog.errors import UsageError
from models.bundle.folder import load_bundle
from models.runtime.text_encoder import TextEncoder
from tests.support.running_service import RunningService, picture
from tests.support.tiny_repository import CONFIG, repository

SIDE = 32


def image_near(text_vector: object) -> bytes:
    """Return an image whose vector is close to this text vector, painted as 4 x 4 cells in three channels."""
    import numpy as np

    cells = np.asarray(text_vector).reshape(3, 4, 4).transpose(1, 2, 0)
    grid = np.clip(118 + 90 * cells / np.abs(cells).max(), 0, 255).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(grid.repeat(8, 0).repeat(8, 1)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    service = RunningService(tmp_path)
    assert CONFIG["embed_dim"] == 48
    for name, data in repository().items():
        (tmp_path / "prepared" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "prepared" / name).write_bytes(data)
    bundle = pull(service.state, str(tmp_path / "prepared"), "tiny", "", False, "")
    encoder = TextEncoder(load_bundle(bundle.folder))
    root = service.path()
    (root / "night").mkdir()
    for word in ("red", "blue", "moon"):
        (root / "night" / f"{word}.png").write_bytes(image_near(encoder.encode([word])[0]))
    (root / "other.png").write_bytes(picture(7))
    lines = service.config_path.read_text().splitlines()
    configured = ['bundle = "tiny"' if line.startswith("bundle") else line for line in lines]
    service.config_path.write_text("\n".join(configured) + "\n")
    assert service.once().returncode == 0
    yield service
    service.close()


def names(result: Result) -> list[str]:
    assert result.exception is None, result.output
    return [Path(json.loads(line)["path"]).name for line in result.stdout.splitlines()]


@pytest.mark.parametrize("word", ["red", "blue", "moon"])
def test_the_image_that_matches_the_text_comes_first(service: RunningService, word: str) -> None:
    assert names(service.invoke("search", word, "-k", "2", "--json"))[0] == f"{word}.png"


def test_the_service_gives_the_same_results_as_the_command_alone(service: RunningService) -> None:
    without_service = names(service.invoke("search", "full moon", "-k", "4", "--json"))
    service.start()
    assert names(service.invoke("search", "full moon", "-k", "4", "--json")) == without_service


def test_a_negative_text_moves_its_image_to_the_end(service: RunningService) -> None:
    assert names(service.invoke("search", "a", "--not", "red", "-k", "4", "--json"))[-1] == "red.png"


def test_text_and_image_combine_and_the_query_image_is_no_result(service: RunningService) -> None:
    blue = os.path.join(os.fsdecode(service.root), "night", "blue.png")
    found = names(service.invoke("search", "moon", "--like", blue, "-k", "4", "--json"))
    assert found[0] == "moon.png" and "blue.png" not in found


def test_filters_exclude_images_that_do_not_match(service: RunningService) -> None:
    night = os.path.join(os.fsdecode(service.root), "night")
    assert len(names(service.invoke("search", "red", "-k", "9", "--json"))) == 4
    assert "other.png" not in names(service.invoke("search", "red", "--below", night, "-k", "9", "--json"))
    assert names(service.invoke("search", "red", "--format", "JPG", "--json")) == []
    assert len(names(service.invoke("search", "red", "--format", "png", "--json"))) == 4
    assert "no image found" in service.invoke("search", "red", "--format", "jpeg").stderr
    assert names(service.invoke("search", "red", "--larger", "1MB", "--json")) == []
    assert names(service.invoke("search", "red", "--since", "2020", "--json")) == []  # no image has a date


def test_without_a_text_encoder_the_remedy_names_models_that_have_one(service: RunningService, tmp_path: Path) -> None:
    text = service.config_path.read_text().replace('bundle = "tiny"', f'bundle = "{tmp_path / "bundle"}"')
    service.config_path.write_text(text)
    assert service.once().returncode == 0
    result = service.invoke("search", "red")
    assert isinstance(result.exception, UsageError)
    assert "These models have one: tiny" in result.exception.remedy


def test_a_query_without_anything_to_look_for_is_refused(service: RunningService) -> None:
    assert isinstance(service.invoke("search").exception, UsageError)
    assert isinstance(service.invoke("search", " ", "").exception, UsageError)
    assert isinstance(service.invoke("search", "--like", "/nowhere", "--not", "red").exception, Exception)


def test_p_delete_limits_require_a_head(service: RunningService) -> None:
    result = service.invoke("search", "red", "--least", "0.5")
    assert isinstance(result.exception, UsageError) and "p_delete" in result.exception.problem

"""Tests of `catalog search`: texts, negative texts, images and filters, with and without the service."""

import json
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from catalog.cli.main import cli
from catalog.embedding.download import pull
from catalog.errors import UsageError
from models.bundle.folder import load_bundle
from models.runtime.text_encoder import TextEncoder
from tests.support.running_service import Household, picture
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
def house(tmp_path: Path) -> Iterator[Household]:
    house = Household(tmp_path)
    assert CONFIG["embed_dim"] == 48
    for name, data in repository().items():
        (tmp_path / "prepared" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "prepared" / name).write_bytes(data)
    bundle = pull(house.state, str(tmp_path / "prepared"), "tiny", "", False, "")
    encoder = TextEncoder(load_bundle(bundle.folder))
    root = Path(os.fsdecode(house.root))
    (root / "night").mkdir()
    for word in ("red", "blue", "moon"):
        (root / "night" / f"{word}.png").write_bytes(image_near(encoder.encode([word])[0]))
    (root / "other.png").write_bytes(picture(7))
    lines = house.config_path.read_text().splitlines()
    configured = ['bundle = "tiny"' if line.startswith("bundle") else line for line in lines]
    house.config_path.write_text("\n".join(configured) + "\n")
    assert house.once().returncode == 0
    yield house
    house.close()


def run_search(house: Household, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(house.config_path), "search", *arguments])


def names(result: Result) -> list[str]:
    assert result.exception is None, result.output
    return [Path(json.loads(line)["path"]).name for line in result.stdout.splitlines()]


@pytest.mark.parametrize("word", ["red", "blue", "moon"])
def test_the_image_that_matches_the_text_comes_first(house: Household, word: str) -> None:
    assert names(run_search(house, word, "-k", "2", "--json"))[0] == f"{word}.png"


def test_the_service_gives_the_same_results_as_the_command_alone(house: Household) -> None:
    without_service = names(run_search(house, "full moon", "-k", "4", "--json"))
    house.start()
    assert names(run_search(house, "full moon", "-k", "4", "--json")) == without_service


def test_a_negative_text_moves_its_image_to_the_end(house: Household) -> None:
    assert names(run_search(house, "a", "--not", "red", "-k", "4", "--json"))[-1] == "red.png"


def test_text_and_image_combine_and_the_query_image_is_no_result(house: Household) -> None:
    blue = os.path.join(os.fsdecode(house.root), "night", "blue.png")
    found = names(run_search(house, "moon", "--like", blue, "-k", "4", "--json"))
    assert found[0] == "moon.png" and "blue.png" not in found


def test_filters_exclude_images_that_do_not_match(house: Household) -> None:
    night = os.path.join(os.fsdecode(house.root), "night")
    assert len(names(run_search(house, "red", "-k", "9", "--json"))) == 4
    assert "other.png" not in names(run_search(house, "red", "--below", night, "-k", "9", "--json"))
    assert names(run_search(house, "red", "--format", "JPG", "--json")) == []
    assert len(names(run_search(house, "red", "--format", "png", "--json"))) == 4
    assert "no image found" in run_search(house, "red", "--format", "jpeg").stderr
    assert names(run_search(house, "red", "--larger", "1MB", "--json")) == []
    assert names(run_search(house, "red", "--since", "2020", "--json")) == []  # no image has a date


def test_without_a_text_encoder_the_remedy_names_models_that_have_one(house: Household, tmp_path: Path) -> None:
    text = house.config_path.read_text().replace('bundle = "tiny"', f'bundle = "{tmp_path / "bundle"}"')
    house.config_path.write_text(text)
    assert house.once().returncode == 0
    result = run_search(house, "red")
    assert isinstance(result.exception, UsageError)
    assert "These models have one: tiny" in result.exception.remedy


def test_a_query_without_anything_to_look_for_is_refused(house: Household) -> None:
    assert isinstance(run_search(house).exception, UsageError)
    assert isinstance(run_search(house, " ", "").exception, UsageError)
    assert isinstance(run_search(house, "--like", "/nowhere", "--not", "red").exception, Exception)


def test_p_delete_limits_require_a_head(house: Household) -> None:
    result = run_search(house, "red", "--least", "0.5")
    assert isinstance(result.exception, UsageError) and "p_delete" in result.exception.problem

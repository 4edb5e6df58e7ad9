"""`catalog search`: words, negations, pictures and filters, with and without the service."""

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


def pictured(direction: "object") -> bytes:
    """A picture whose vector points about where a text's vector points: its 4 x 4 cells of three planes."""
    import numpy as np

    cells = np.asarray(direction).reshape(3, 4, 4).transpose(1, 2, 0)
    grid = np.clip(118 + 90 * cells / np.abs(cells).max(), 0, 255).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(grid.repeat(8, 0).repeat(8, 1)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    made = Household(tmp_path)
    assert CONFIG["embed_dim"] == 48
    for name, data in repository().items():
        (tmp_path / "prepared" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "prepared" / name).write_bytes(data)
    bundle = pull(made.state, str(tmp_path / "prepared"), "tiny", "", False, "")
    encoder = TextEncoder(load_bundle(bundle.folder))
    root = Path(os.fsdecode(made.root))
    (root / "night").mkdir()
    for word in ("red", "blue", "moon"):
        (root / "night" / f"{word}.png").write_bytes(pictured(encoder.encode([word])[0]))
    (root / "other.png").write_bytes(picture(7))
    lines = made.config_path.read_text().splitlines()
    made.config_path.write_text("\n".join('bundle = "tiny"' if x.startswith("bundle") else x for x in lines) + "\n")
    assert made.once().returncode == 0
    yield made
    made.close()


def ask(house: Household, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(house.config_path), "search", *arguments])


def names(result: Result) -> list[str]:
    assert result.exception is None, result.output
    return [Path(json.loads(line)["path"]).name for line in result.stdout.splitlines()]


@pytest.mark.parametrize("word", ["red", "blue", "moon"])
def test_the_picture_that_a_word_describes_comes_first(house: Household, word: str) -> None:
    assert names(ask(house, word, "-k", "2", "--json"))[0] == f"{word}.png"


def test_the_service_answers_as_the_command_does_alone(house: Household) -> None:
    alone = names(ask(house, "full moon", "-k", "4", "--json"))
    house.start()
    assert names(ask(house, "full moon", "-k", "4", "--json")) == alone


def test_what_is_not_wanted_goes_to_the_end(house: Household) -> None:
    assert names(ask(house, "a", "--not", "red", "-k", "4", "--json"))[-1] == "red.png"


def test_words_and_a_picture_are_taken_together_and_the_picture_does_not_answer(house: Household) -> None:
    blue = os.path.join(os.fsdecode(house.root), "night", "blue.png")
    found = names(ask(house, "moon", "--like", blue, "-k", "4", "--json"))
    assert found[0] == "moon.png" and "blue.png" not in found


def test_filters_leave_out_what_does_not_fit(house: Household) -> None:
    night = os.path.join(os.fsdecode(house.root), "night")
    assert len(names(ask(house, "red", "-k", "9", "--json"))) == 4
    assert "other.png" not in names(ask(house, "red", "--below", night, "-k", "9", "--json"))
    assert names(ask(house, "red", "--format", "JPG", "--json")) == []
    assert len(names(ask(house, "red", "--format", "png", "--json"))) == 4
    assert "no picture fits" in ask(house, "red", "--format", "jpeg").stderr
    assert names(ask(house, "red", "--larger", "1MB", "--json")) == []
    assert names(ask(house, "red", "--since", "2020", "--json")) == []  # none of them says when it was taken


def test_a_model_without_words_says_which_ones_have_them(house: Household, tmp_path: Path) -> None:
    text = house.config_path.read_text().replace('bundle = "tiny"', f'bundle = "{tmp_path / "bundle"}"')
    house.config_path.write_text(text)
    assert house.once().returncode == 0
    result = ask(house, "red")
    assert isinstance(result.exception, UsageError)
    assert "These do: tiny" in result.exception.remedy


def test_a_question_without_anything_to_look_for_is_refused(house: Household) -> None:
    assert isinstance(ask(house).exception, UsageError)
    assert isinstance(ask(house, " ", "").exception, UsageError)
    assert isinstance(ask(house, "--like", "/nowhere", "--not", "red").exception, Exception)


def test_limits_of_p_delete_need_a_head(house: Household) -> None:
    result = ask(house, "red", "--least", "0.5")
    assert isinstance(result.exception, UsageError) and "p_delete" in result.exception.problem

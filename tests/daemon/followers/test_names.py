"""A model that understands words tells the head what the files' names say; one that does not changes nothing."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from catalog.cli.main import cli
from catalog.store.database import Database
from models.learn.file_features import FILE_FEATURES
from models.learn.head import NAME_PREFIX, unpack_head
from tests.support.model_switch import choose, other_bundle
from tests.support.running_service import Household, picture, until
from tests.support.tiny_bundle import DIMS
from tests.support.tiny_text import write_talking_bundle

KINDS, LABELLED, COUNT = ("keep", "delete"), 30, 40  # of each kind
NAMED = (
    "SELECT f.name, s.p_delete FROM file f JOIN score s ON s.content = f.content"
    " WHERE NOT EXISTS (SELECT 1 FROM bare b WHERE b.content = s.content)"
)


def vocabulary() -> dict[str, dict[str, np.ndarray]]:
    """Words of each kind, no two alike: those of a kind mean nearly the same, as the tower has it."""
    dice = np.random.default_rng(3)
    letters = dice.choice(list("bcdfghklmnprstvw"), (len(KINDS), COUNT, 7))
    middles = dice.normal(size=(len(KINDS), DIMS)) * 2
    return {
        kind: {"".join(word): (middles[at] + dice.normal(size=DIMS)).astype(np.float32) for word in letters[at]}
        for at, kind in enumerate(KINDS)
    }


WORDS = vocabulary()


def call(house: Household, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(house.config_path), *arguments])


def train(house: Household, *arguments: str) -> dict[str, object]:
    result = call(house, "train", "--json", *arguments)
    assert result.exception is None, result.output
    told: dict[str, object] = json.loads(result.stdout)
    return told


def auc(told: dict[str, object]) -> float:
    return float(told["figures"]["auc"][0])  # type: ignore[index]


def named(house: Household) -> dict[str, float]:
    """p_delete by the file's name, of those that did not have to do without it."""
    return {os.fsdecode(name): p for name, p in house.rows(NAMED)}


def apart(scores: dict[str, float]) -> bool:
    """Whether all of one kind lie over all of the other."""
    low, high = ([p for name, p in scores.items() if name.split("_")[0] in WORDS[kind]] for kind in KINDS)
    return max(low) < min(high)


def settled(house: Household) -> bool:
    return len(named(house)) == len(house.rows("SELECT 1 FROM vector v JOIN model m ON m.id = v.model AND m.role > ''"))


def filled(house: Household) -> Household:
    """Random pictures, of which only the name tells one kind from the other; each name's word stands nowhere else."""
    root = Path(os.fsdecode(house.root))
    for at, kind in enumerate(KINDS):
        for number, word in enumerate(WORDS[kind]):
            (root / f"{word}_{number:02}.png").write_bytes(picture(1000 * at + number))
    assert house.once().returncode == 0
    for kind in KINDS:
        paths = [str(next(root.glob(f"{word}_*.png"))) for word in list(WORDS[kind])[:LABELLED]]
        assert call(house, "label", kind, *paths).exception is None
    return house


def talking(house: Household, folder: Path, turn: int = 0) -> None:
    """Name a bundle that knows the words. `turn`: another one with the same vectors of pictures."""
    words = {word: np.roll(row, turn) for kind in KINDS for word, row in WORDS[kind].items()}
    choose(house, write_talking_bundle(folder, {"golden.png": picture(-1)}, words))


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Household]:
    made = Household(tmp_path)
    yield made
    made.close()


@pytest.fixture
def house(bare: Household, tmp_path: Path) -> Household:
    talking(bare, tmp_path / "talking")
    return filled(bare)


def test_what_only_names_tell_is_learned_from_words_that_stand_nowhere_else(house: Household) -> None:
    result = call(house, "train")
    assert result.exception is None, result.output
    assert "names" in result.stdout and f"{2 * LABELLED + 1} file names" in result.stderr  # one says nothing
    told = train(house, "--force")
    assert told["named"] and auc(told) > 0.95
    assert house.rows("SELECT count(*) FROM wording") == [(2 * LABELLED + 1,)]  # none was made twice
    scores = named(house)
    assert len(scores) == 2 * LABELLED and apart(scores)  # the others wait for the service
    assert house.rows("SELECT count(*) FROM bare") == [(2 * (COUNT - LABELLED),)]
    assert house.once().returncode == 0
    scores = named(house)
    assert len(scores) == 2 * COUNT and apart(scores)


def test_a_model_without_words_knows_nothing_of_them(bare: Household) -> None:
    told = train(filled(bare))
    assert not told["named"] and auc(told) < 0.75  # else the test above would show nothing
    head = unpack_head(bare.rows("SELECT data FROM head")[0][0])
    assert head.features == FILE_FEATURES and len(head.weights) == DIMS + len(FILE_FEATURES)
    assert bare.once().returncode == 0
    assert bare.rows("SELECT (SELECT count(*) FROM wording), (SELECT count(*) FROM bare)") == [(0, 0)]
    assert bare.rows("SELECT count(*) FROM score") == [(2 * COUNT,)]


def test_the_running_service_embeds_names_and_scores_what_comes_with_its_own(house: Household) -> None:
    train(house)
    house.start()
    assert until(lambda: settled(house)), house.tail()
    root, fresh = Path(os.fsdecode(house.root)), {kind: list(WORDS[kind])[-1] for kind in KINDS}
    for number, word in enumerate(fresh.values()):
        (root / f"{word}_new.png").write_bytes(picture(9000 + number))
    asked = NAMED + " AND CAST(f.name AS TEXT) LIKE '%new.png'"
    assert until(lambda: len(house.rows(asked)) == 2), house.tail()
    found = named(house)
    assert found[f"{fresh['delete']}_new.png"] > 0.5 > found[f"{fresh['keep']}_new.png"]
    told = train(house, "--force")  # asks the service, and finds all names embedded
    assert told["named"] and auc(told) > 0.95
    assert until(lambda: settled(house)), house.tail()
    assert house.stop() == 0
    assert house.findings() == []


def test_training_beside_the_service_asks_it_for_the_vectors(house: Household) -> None:
    house.start()
    assert train(house)["named"]
    assert until(lambda: settled(house)), house.tail()
    assert apart(named(house))


@pytest.mark.parametrize("place", ["score.words", "score.words:2", "score.named"])
def test_a_kill_is_healed_at_the_next_start(house: Household, place: str) -> None:
    train(house)
    assert house.once(CATALOGD_KILL_AT=place).returncode == -signal.SIGKILL
    assert house.rows("SELECT 1 FROM bare")
    assert house.once().returncode == 0
    assert len(named(house)) == 2 * COUNT and apart(named(house))


def test_a_cut_vector_of_a_name_is_made_anew(house: Household) -> None:
    train(house)
    database = Database(house.config.database, write=True)
    database.run("UPDATE wording SET data = substr(data, 1, 10)")
    database.close()
    assert auc(train(house, "--force")) > 0.95
    assert house.rows("SELECT count(DISTINCT length(data)) FROM wording") == [(1,)]


def test_the_names_follow_a_change_of_model_and_go_with_its_vectors(bare: Household, tmp_path: Path) -> None:
    choose(bare, other_bundle(tmp_path / "other"))
    train(filled(bare))
    talking(bare, tmp_path / "talking")
    assert bare.once().returncode == 0
    head = unpack_head(bare.rows("SELECT data FROM head WHERE role = 'current'")[0][0])
    assert head.features == (*FILE_FEATURES, NAME_PREFIX + head.tower) and head.tower and head.dims == DIMS
    assert len(named(bare)) == 2 * COUNT and apart(named(bare))
    choose(bare, tmp_path / "other")
    assert bare.once().returncode == 0
    assert bare.rows("SELECT count(*) FROM bare") == [(0,)]
    assert call(bare, "model", "drop", str(tmp_path / "talking")).exception is None
    assert bare.rows("SELECT count(*) FROM wording") == [(0,)]


def test_another_text_half_of_the_same_model_is_another_thing_to_learn(house: Household, tmp_path: Path) -> None:
    train(house)
    assert house.once().returncode == 0
    talking(house, tmp_path / "turned", turn=7)
    assert house.once().returncode == 0  # the scores of the head before stand
    assert len(named(house)) == 2 * COUNT and apart(named(house))
    Path(os.fsdecode(house.root), f"{next(iter(WORDS['keep']))}_late.png").write_bytes(picture(9000))
    assert house.once().returncode == 0
    assert house.rows("SELECT count(*) FROM score") == [(2 * COUNT + 1,)]
    told = train(house)
    assert told["used"] and auc(told) > 0.95
    assert house.rows("SELECT count(DISTINCT tower) FROM wording") == [(2,)]
    assert house.once().returncode == 0
    assert len(named(house)) == 2 * COUNT + 1 and apart(named(house))


def test_a_text_half_that_may_not_be_used_leaves_the_scores_and_is_told(house: Household, tmp_path: Path) -> None:
    train(house)
    goldens = tmp_path / "talking" / "goldens" / "text.npz"
    good = goldens.read_bytes()
    with np.load(goldens) as stored:
        wrong = {"ids": stored["ids"], "vectors": -stored["vectors"]}
    np.savez(goldens, **wrong)
    done = house.once()
    assert done.returncode == 0 and "names_not_embedded" in done.stderr
    assert house.rows("SELECT count(*) FROM score") == [(2 * COUNT,)]
    assert len(named(house)) == 2 * LABELLED
    goldens.write_bytes(good)
    assert house.once().returncode == 0
    assert len(named(house)) == 2 * COUNT

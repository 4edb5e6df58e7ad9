"""File names as features of the head: text vectors of names, and scores made before they exist."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from catalog.store.database import Database
from models.learn.file_features import FILE_FEATURES
from models.learn.head import NAME_PREFIX, unpack_head
from tests.support.model_switch import configure_bundle, other_bundle
from tests.support.running_service import RunningService, picture
from tests.support.slow import mostly_slow
from tests.support.tiny_bundle import DIMS
from tests.support.tiny_text import write_talking_bundle
from tests.support.waiting import wait_until

KINDS, LABELLED, COUNT = ("keep", "delete"), 30, 40  # of each kind
WITH_NAME_SQL = (
    "SELECT f.name, s.p_delete FROM file f JOIN score s ON s.content = f.content"
    " WHERE NOT EXISTS (SELECT 1 FROM bare b WHERE b.content = s.content)"
)


def vocabulary() -> dict[str, dict[str, np.ndarray]]:
    """Random words of each kind, with nearby vectors for words of the same kind."""
    rng = np.random.default_rng(3)
    characters = rng.choice(list("bcdfghklmnprstvw"), (len(KINDS), COUNT, 7))
    centres = rng.normal(size=(len(KINDS), DIMS)) * 2
    return {
        kind: {"".join(word): (centres[at] + rng.normal(size=DIMS)).astype(np.float32) for word in characters[at]}
        for at, kind in enumerate(KINDS)
    }


WORDS = vocabulary()


def train(service: RunningService, *arguments: str) -> dict[str, object]:
    result = service.invoke("train", "--json", *arguments)
    assert result.exception is None, result.output
    record: dict[str, object] = json.loads(result.stdout)
    return record


def auc(record: dict[str, object]) -> float:
    return float(record["figures"]["auc"][0])  # type: ignore[index]


def scores_with_name(service: RunningService) -> dict[str, float]:
    """p_delete by file name, of scores made with the name's vector."""
    return {os.fsdecode(name): p for name, p in service.rows(WITH_NAME_SQL)}


def separated(scores: dict[str, float]) -> bool:
    """Whether all deletes score above all keeps."""
    low, high = ([p for name, p in scores.items() if name.split("_")[0] in WORDS[kind]] for kind in KINDS)
    return max(low) < min(high)


def all_named(service: RunningService) -> bool:
    """Whether every content has a score made with its name's vector."""
    vectors = service.rows("SELECT 1 FROM vector v JOIN model m ON m.id = v.model AND m.role > ''")
    return len(scores_with_name(service)) == len(vectors)


def with_labels(service: RunningService) -> RunningService:
    """Add random images whose kind only the name tells, and label some; no word occurs in two names."""
    root = service.path()
    for at, kind in enumerate(KINDS):
        for number, word in enumerate(WORDS[kind]):
            (root / f"{word}_{number:02}.png").write_bytes(picture(1000 * at + number))
    assert service.once().returncode == 0
    for kind in KINDS:
        paths = [str(next(root.glob(f"{word}_*.png"))) for word in list(WORDS[kind])[:LABELLED]]
        assert service.invoke("label", kind, *paths).exception is None
    return service


def use_text_bundle(service: RunningService, folder: Path, shift: int = 0) -> None:
    """Configure a bundle that knows the words. `shift`: other text vectors, beside the same image vectors."""
    words = {word: np.roll(row, shift) for kind in KINDS for word, row in WORDS[kind].items()}
    configure_bundle(service, write_talking_bundle(folder, {"golden.png": picture(-1)}, words))


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[RunningService]:
    made = RunningService(tmp_path)
    yield made
    made.close()


@pytest.fixture
def service(bare: RunningService, tmp_path: Path) -> RunningService:
    use_text_bundle(bare, tmp_path / "talking")
    return with_labels(bare)


@pytest.mark.slow
def test_a_head_learns_from_name_vectors_alone(service: RunningService) -> None:
    result = service.invoke("train")
    assert result.exception is None, result.output
    assert "names" in result.stdout and f"{2 * LABELLED + 1} file names" in result.stderr  # one is the empty name
    record = train(service, "--force")
    assert record["named"] and auc(record) > 0.95
    assert service.rows("SELECT count(*) FROM wording") == [(2 * LABELLED + 1,)]  # none was embedded again
    scores = scores_with_name(service)
    assert len(scores) == 2 * LABELLED and separated(scores)  # the service embeds the others
    assert service.rows("SELECT count(*) FROM bare") == [(2 * (COUNT - LABELLED),)]
    assert service.once().returncode == 0
    scores = scores_with_name(service)
    assert len(scores) == 2 * COUNT and separated(scores)


def test_without_a_text_tower_names_are_no_features(bare: RunningService) -> None:
    record = train(with_labels(bare))
    assert not record["named"] and auc(record) < 0.75  # or the test above proves nothing
    head = unpack_head(bare.rows("SELECT data FROM head")[0][0])
    assert head.features == FILE_FEATURES and len(head.weights) == DIMS + len(FILE_FEATURES)
    assert bare.once().returncode == 0
    assert bare.rows("SELECT (SELECT count(*) FROM wording), (SELECT count(*) FROM bare)") == [(0, 0)]
    assert bare.rows("SELECT count(*) FROM score") == [(2 * COUNT,)]


def test_the_running_service_scores_new_files_with_their_names(service: RunningService) -> None:
    train(service)
    service.start()
    assert wait_until(lambda: all_named(service)), service.tail()
    root, new_words = service.path(), {kind: list(WORDS[kind])[-1] for kind in KINDS}
    for number, word in enumerate(new_words.values()):
        (root / f"{word}_new.png").write_bytes(picture(9000 + number))
    new_files = WITH_NAME_SQL + " AND CAST(f.name AS TEXT) LIKE '%new.png'"
    assert wait_until(lambda: len(service.rows(new_files)) == 2), service.tail()
    found = scores_with_name(service)
    assert found[f"{new_words['delete']}_new.png"] > 0.5 > found[f"{new_words['keep']}_new.png"]
    record = train(service, "--force")  # asks the service, and finds all names embedded
    assert record["named"] and auc(record) > 0.95
    assert wait_until(lambda: all_named(service)), service.tail()
    assert service.stop() == 0
    assert service.findings() == []


def test_training_beside_the_service_uses_its_text_model(service: RunningService) -> None:
    service.start()
    assert train(service)["named"]
    assert wait_until(lambda: all_named(service)), service.tail()
    assert separated(scores_with_name(service))


@pytest.mark.parametrize("place", mostly_slow(["score.words", "score.words:2", "score.named"]))
def test_names_are_embedded_after_a_kill_at_any_point(service: RunningService, place: str) -> None:
    train(service)
    assert service.once(CATALOGD_KILL_AT=place).returncode == -signal.SIGKILL
    assert service.rows("SELECT 1 FROM bare")
    assert service.once().returncode == 0
    assert len(scores_with_name(service)) == 2 * COUNT and separated(scores_with_name(service))


def test_a_truncated_name_vector_is_embedded_again(service: RunningService) -> None:
    train(service)
    database = Database(service.config.database, write=True)
    database.run("UPDATE wording SET data = substr(data, 1, 10)")
    database.close()
    assert auc(train(service, "--force")) > 0.95
    assert service.rows("SELECT count(DISTINCT length(data)) FROM wording") == [(1,)]


@pytest.mark.slow
def test_name_vectors_follow_a_change_of_model_and_are_dropped_with_it(bare: RunningService, tmp_path: Path) -> None:
    configure_bundle(bare, other_bundle(tmp_path / "other"))
    train(with_labels(bare))
    use_text_bundle(bare, tmp_path / "talking")
    assert bare.once().returncode == 0
    head = unpack_head(bare.rows("SELECT data FROM head WHERE role = 'current'")[0][0])
    assert head.features == (*FILE_FEATURES, NAME_PREFIX + head.tower) and head.tower and head.dims == DIMS
    assert len(scores_with_name(bare)) == 2 * COUNT and separated(scores_with_name(bare))
    configure_bundle(bare, tmp_path / "other")
    assert bare.once().returncode == 0
    assert bare.rows("SELECT count(*) FROM bare") == [(0,)]
    assert bare.invoke("model", "drop", str(tmp_path / "talking")).exception is None
    assert bare.rows("SELECT count(*) FROM wording") == [(0,)]


@pytest.mark.slow
def test_another_text_tower_of_the_same_model_needs_a_new_head(service: RunningService, tmp_path: Path) -> None:
    train(service)
    assert service.once().returncode == 0
    use_text_bundle(service, tmp_path / "shifted", shift=7)
    assert service.once().returncode == 0  # the old scores stay
    assert len(scores_with_name(service)) == 2 * COUNT and separated(scores_with_name(service))
    Path(os.fsdecode(service.root), f"{next(iter(WORDS['keep']))}_late.png").write_bytes(picture(9000))
    assert service.once().returncode == 0
    assert service.rows("SELECT count(*) FROM score") == [(2 * COUNT + 1,)]
    record = train(service)
    assert record["used"] and auc(record) > 0.95
    assert service.rows("SELECT count(DISTINCT tower) FROM wording") == [(2,)]
    assert service.once().returncode == 0
    assert len(scores_with_name(service)) == 2 * COUNT + 1 and separated(scores_with_name(service))


def test_a_text_tower_that_fails_attestation_is_logged_and_the_scores_stay(
    service: RunningService, tmp_path: Path
) -> None:
    train(service)
    goldens = tmp_path / "talking" / "goldens" / "text.npz"
    good = goldens.read_bytes()
    with np.load(goldens) as stored:
        wrong = {"ids": stored["ids"], "vectors": -stored["vectors"]}
    np.savez(goldens, **wrong)
    done = service.once()
    assert done.returncode == 0 and "names_not_embedded" in done.stderr
    assert service.rows("SELECT count(*) FROM score") == [(2 * COUNT,)]
    assert len(scores_with_name(service)) == 2 * LABELLED
    goldens.write_bytes(good)
    assert service.once().returncode == 0
    assert len(scores_with_name(service)) == 2 * COUNT

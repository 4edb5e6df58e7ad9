"""After a change of model the service retrains the head from the labels, if one was in use."""

import json
import signal
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catalog.errors import UsageError
from catalog.heads.retraining import DueRetraining
from catalog.store.database import Database
from daemon.followers.trainer import (
    NEW_LABELS_RETRY_SECONDS,
    SAME_LABELS_RETRY_SECONDS,
    FailedTraining,
    may_train,
    run_train_command,
)
from models.learn.head import unpack_head
from tests.support.model_switch import configure_bundle, other_bundle
from tests.support.running_service import RunningService
from tests.support.slow import mostly_slow
from tests.support.waiting import wait_until

COUNT, LABELLED = 32, 12  # images; labels of each kind
HEADS = "SELECT m.name, h.role FROM head h JOIN model m ON m.id = h.model ORDER BY h.id"
SCORED = (
    "SELECT count(*) FROM score s JOIN head h ON h.id = s.head AND h.role = 'current'"
    " JOIN model m ON m.id = h.model AND m.name = 'other'"
)


def noisy_image(seed: int, reddish: bool) -> bytes:
    """Reddish images are deleted, bluish ones kept."""
    rng = np.random.default_rng(seed)
    grid = rng.integers(60, 200, (8, 8, 3))
    grid[:, :, 0 if reddish else 2] = np.minimum(255, grid[:, :, 0 if reddish else 2] + 50)
    buffer = BytesIO()
    Image.fromarray(grid.astype(np.uint8)).resize((48, 32), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


def head_status(service: RunningService) -> dict[str, Any]:
    """The head's part of `catalog status --json`."""
    status: dict[str, Any] = json.loads(service.invoke("status", "--json").stdout)["head"]
    return status


def scored(service: RunningService) -> int:
    """How many contents the head of the model `other` has scored."""
    return int(service.rows(SCORED)[0][0])


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    made = RunningService(tmp_path)
    for number in range(COUNT):
        kind = "b" if number % 2 else "a"
        (made.path() / f"{kind}{number:03}.png").write_bytes(noisy_image(number, reddish=kind == "b"))
    assert made.once().returncode == 0
    for label, kind in (("keep", "a"), ("delete", "b")):
        result = made.invoke("label", label, *map(str, sorted(made.path().glob(f"{kind}*.png"))[:LABELLED]))
        assert result.exception is None, result.exception
    yield made
    made.close()


@pytest.fixture
def trained(service: RunningService, tmp_path: Path) -> RunningService:
    """A catalog with a head in use, and another model configured."""
    assert service.invoke("train").exception is None
    configure_bundle(service, other_bundle(tmp_path / "other"))
    return service


def test_one_pass_trains_a_head_for_the_new_model_and_scores_everything(trained: RunningService) -> None:
    assert trained.once().returncode == 0
    assert trained.rows(HEADS) == [("tiny", None), ("other", "current")]
    assert scored(trained) == COUNT
    assert head_status(trained)["state"] == "in use"


def test_the_running_service_trains_while_the_old_scores_remain(trained: RunningService) -> None:
    trained.start()
    assert wait_until(lambda: scored(trained) == COUNT), trained.tail()
    assert trained.alive and head_status(trained)["state"] == "in use"
    lines = [json.loads(line) for line in trained.invoke("candidates", "--json").stdout.splitlines()]
    assert Path(lines[0]["path"]).name[0] == "b"
    (trained.path() / "late.png").write_bytes(noisy_image(500, True))
    assert wait_until(lambda: scored(trained) == COUNT + 1), trained.tail()
    assert trained.stop() == 0
    assert trained.findings() == []


def test_no_head_is_trained_if_none_was_in_use(service: RunningService, tmp_path: Path) -> None:
    configure_bundle(service, other_bundle(tmp_path / "other"))
    assert service.once().returncode == 0
    assert service.rows(HEADS) == []
    assert head_status(service)["state"] == "none"


@pytest.mark.parametrize("place", mostly_slow(["switched", "train", "trained"]))
def test_the_head_is_trained_at_the_next_start_after_a_kill(trained: RunningService, place: str) -> None:
    assert trained.once(CATALOGD_KILL_AT=place).returncode == -signal.SIGKILL
    if place != "trained":
        assert head_status(trained)["state"] == "owed"
        assert "the model before" in trained.invoke("status").stdout
        assert "the model before" in trained.invoke("head", "list").stderr
        lines = trained.invoke("candidates", "--json").stdout.splitlines()
        assert len(lines) >= LABELLED  # the old scores remain
    assert trained.once().returncode == 0
    assert trained.rows(HEADS) == [("tiny", None), ("other", "current")]
    assert scored(trained) == COUNT


def test_too_few_labels_are_reported_and_the_service_keeps_running(trained: RunningService) -> None:
    trained.invoke("label", "clear", *map(str, sorted(trained.path().glob("b*.png"))[:LABELLED]))
    done = trained.once()
    assert done.returncode == 0 and "not_trained" in done.stderr
    assert "more of delete" in head_status(trained)["problem"]
    assert "more of delete" in trained.invoke("status").stdout
    assert trained.rows(HEADS) == [("tiny", "current")]
    trained.invoke("label", "delete", *map(str, sorted(trained.path().glob("b*.png"))[:LABELLED]))
    trained.start()
    assert wait_until(lambda: scored(trained) == COUNT), trained.tail()


def test_a_head_of_another_model_cannot_be_used(trained: RunningService) -> None:
    assert trained.once().returncode == 0
    (old,), _ = trained.rows("SELECT id FROM head ORDER BY id")
    result = trained.invoke("head", "use", str(old))
    assert isinstance(result.exception, UsageError) and "model tiny" in result.exception.problem
    names = [json.loads(line)["model_name"] for line in trained.invoke("head", "list", "--json").stdout.splitlines()]
    assert names == ["other", "tiny"]


def test_training_waits_until_the_labelled_files_are_embedded(trained: RunningService, tmp_path: Path) -> None:
    """The old bundle is gone, so the new model takes over at once, before it has made any vector."""
    (tmp_path / "bundle" / "model.onnx").unlink()
    assert trained.once().returncode == 0
    assert scored(trained) == COUNT
    (line, *_) = trained.invoke("head", "list", "--json").stdout.splitlines()
    assert json.loads(line)["labels"] == 2 * LABELLED


def test_a_head_that_cannot_score_is_replaced(service: RunningService) -> None:
    service.invoke("train")
    ((data,),) = service.rows("SELECT data FROM head")
    old = unpack_head(data)
    for broken in (old._replace(features=(*old.features[:-1], "of another version")).pack(), b"no head"):
        database = Database(service.config.database, write=True)
        database.run("UPDATE head SET data = ? WHERE role = 'current'", broken)
        database.close()
        done = service.once()
        assert done.returncode == 0, done.stderr
        assert unpack_head(service.rows("SELECT data FROM head WHERE role = 'current'")[0][0]).features == old.features
    assert service.rows("SELECT count(*) FROM head") == [(3,)]


def test_a_failed_training_returns_the_problem(service: RunningService) -> None:
    config, stop = service.config, threading.Event()
    result = run_train_command(config, stop)
    assert result is not None and result.output is not None and result.output["used"]
    service.config_path.unlink()
    result = run_train_command(config, stop)
    assert result is not None and result.output is None and str(service.config_path) in result.problem


def test_a_stop_terminates_the_training(service: RunningService) -> None:
    stop = threading.Event()
    stop.set()
    result = run_train_command(service.config, stop)
    assert result is None or result.output is not None  # terminated, or done before the first check


@pytest.mark.parametrize(
    ("failed", "now", "expected"),
    [
        (None, 0.0, True),
        (FailedTraining(DueRetraining(1, 5, 5, 1.0), 0.0), SAME_LABELS_RETRY_SECONDS - 1, False),
        (FailedTraining(DueRetraining(1, 5, 5, 1.0), 0.0), SAME_LABELS_RETRY_SECONDS, True),
        (FailedTraining(DueRetraining(1, 4, 4, 1.0), 0.0), NEW_LABELS_RETRY_SECONDS - 1, False),
        (FailedTraining(DueRetraining(1, 4, 4, 1.0), 0.0), NEW_LABELS_RETRY_SECONDS, True),
        (FailedTraining(DueRetraining(1, 5, 5, 1.0), 9e9), 0.0, True),
    ],
)
def test_a_failed_training_is_tried_again_with_new_labels_or_later(
    failed: FailedTraining | None, now: float, expected: bool
) -> None:
    assert may_train(DueRetraining(1, 5, 5, 1.0), failed, now) is expected

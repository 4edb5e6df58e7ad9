"""From labels to scores: training, held-out metrics, scoring by the service, candidates and suggestions."""

import json
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catalog.errors import UsageError
from catalog.store.database import Database
from tests.support.running_service import RunningService
from tests.support.waiting import wait_until

COUNT = 40


def noisy_image(seed: int, reddish: bool) -> bytes:
    """Reddish images are deleted, bluish ones kept: the tiny model's mean colours separate them."""
    rng = np.random.default_rng(seed)
    grid = rng.integers(60, 200, (8, 8, 3))
    grid[:, :, 0 if reddish else 2] = np.minimum(255, grid[:, :, 0 if reddish else 2] + 50)
    buffer = BytesIO()
    Image.fromarray(grid.astype(np.uint8)).resize((48, 32), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    made = RunningService(tmp_path)
    for number in range(COUNT):
        kind = "b" if number % 2 else "a"
        made.path(f"{kind}{number:03}.png").write_bytes(noisy_image(number, reddish=kind == "b"))
    assert made.once().returncode == 0
    yield made
    made.close()


def label_images(service: RunningService) -> None:
    root = service.path()
    for label, kind in (("keep", "a"), ("delete", "b")):
        result = service.invoke("label", label, *map(str, sorted(root.glob(f"{kind}*.png"))[:16]))
        assert result.exception is None, result.exception


def test_training_without_labels_names_the_command_to_label(service: RunningService) -> None:
    result = service.invoke("train")
    assert isinstance(result.exception, UsageError)
    assert "label keep|delete" in result.exception.remedy


def test_a_head_ranks_unlabelled_images(service: RunningService) -> None:
    label_images(service)
    result = json.loads(service.invoke("train", "--json").stdout)
    assert result["used"] and result["scored"] == COUNT
    assert result["figures"]["auc"][0] > 0.95
    lines = [json.loads(line) for line in service.invoke("ls", "--json").stdout.splitlines()]
    unlabelled = [(line["p_delete"], Path(line["path"]).name[0]) for line in lines if line["label"] is None]
    assert len(unlabelled) == 8
    assert min(p for p, kind in unlabelled if kind == "b") > max(p for p, kind in unlabelled if kind == "a")


def test_p_delete_limits_filter_lists_and_require_a_head(service: RunningService) -> None:
    result = service.invoke("ls", "--least", "0.5")
    assert isinstance(result.exception, UsageError) and "catalog train" in result.exception.remedy
    label_images(service)
    service.invoke("train")
    for least, most, kind in (("0.5", "1", "b"), ("0", "0.5", "a")):
        lines = service.invoke("ls", "--least", least, "--most", most, "--json").stdout.splitlines()
        assert {Path(json.loads(line)["path"]).name[0] for line in lines} == {kind}
    anywhere = str(next(service.path().glob("a*.png")))
    # `--most` would match the image itself, which is left out.
    for limit, kind, matches in (("--least", "b", COUNT // 2), ("--most", "a", COUNT // 2 - 1)):
        lines = service.invoke(
            "search", "--like", anywhere, limit, "0.5", "-k", str(COUNT), "--json"
        ).stdout.splitlines()
        assert len(lines) == matches
        assert {Path(json.loads(line)["path"]).name[0] for line in lines} == {kind}


def test_a_new_file_is_scored_by_the_running_service(service: RunningService) -> None:
    label_images(service)
    service.invoke("train")
    service.start()
    for name, reddish in (("new-b.png", True), ("new-a.png", False)):
        service.path(name).write_bytes(noisy_image(1000 + reddish, reddish))
    scores = (
        "SELECT f.name, s.p_delete FROM file f JOIN score s ON s.content = f.content"
        " WHERE f.name IN (CAST('new-a.png' AS BLOB), CAST('new-b.png' AS BLOB))"
    )
    assert wait_until(lambda: len(service.rows(scores)) == 2), service.tail()
    found = dict(service.rows(scores))
    assert found[b"new-b.png"] > found[b"new-a.png"]
    assert service.stop() == 0
    assert service.findings() == []


def test_the_running_service_rescores_everything_with_a_new_head(service: RunningService) -> None:
    label_images(service)
    service.start()
    result = json.loads(service.invoke("train", "--json").stdout)
    scored = "SELECT count(*) FROM score WHERE head = ?"
    assert wait_until(lambda: service.rows(scored, result["head"]) == [(COUNT,)]), service.tail()
    again = json.loads(service.invoke("train", "--force", "--seed", "5", "--json").stdout)
    assert wait_until(lambda: service.rows(scored, again["head"]) == [(COUNT,)]), service.tail()


def test_a_kill_while_scoring_loses_nothing(service: RunningService) -> None:
    label_images(service)
    service.start()
    service.kill()
    service.invoke("train")
    service.rows("SELECT 1")
    service.path("late.png").write_bytes(noisy_image(77, True))
    service.once(CATALOGD_KILL_AT="score")
    assert service.once().returncode == 0
    assert service.rows("SELECT count(*) FROM score") == [(COUNT + 1,)]


def candidates(service: RunningService, *arguments: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in service.invoke("candidates", "--json", *arguments).stdout.splitlines()]


def file_name(line: dict[str, object]) -> str:
    return Path(str(line["path"])).name


def test_candidates_start_with_delete_labels_and_exclude_keep_labels(service: RunningService) -> None:
    label_images(service)
    service.invoke("train")
    found = candidates(service)
    assert [file_name(line)[0] for line in found[:16]] == ["b"] * 16  # labelled delete
    assert all("you labelled it delete" in line["why"] for line in found[:16])
    assert {file_name(line)[0] for line in found[16:20]} == {"b"}  # unlabelled
    assert all(any("that you deleted" in why for why in line["why"]) for line in found[16:20])
    kept = {path.name for path in sorted(service.path().glob("a*.png"))[:16]}
    assert not kept & {file_name(line) for line in found}


def test_candidates_are_the_same_with_and_without_the_service_for_any_count(service: RunningService) -> None:
    label_images(service)
    service.invoke("train")
    without_service = candidates(service)
    for count in (1, 3, 17):
        assert candidates(service, "-n", str(count)) == without_service[:count]
    service.start()
    assert wait_until(lambda: not service.busy()), service.tail()
    assert candidates(service) == without_service


def test_the_best_of_several_near_duplicates_is_not_a_candidate(service: RunningService) -> None:
    root = service.path()
    image = Image.open(BytesIO(noisy_image(501, True)))
    image.resize((96, 64), Image.Resampling.NEAREST).save(root / "large.png")
    image.save(root / "small.png")
    assert service.once().returncode == 0
    label_images(service)
    service.invoke("train")
    found = {file_name(line): line for line in candidates(service)}
    assert "large.png" not in found
    assert found["small.png"]["better"] == str(root / "large.png")


def test_a_copy_in_a_recycle_bin_is_never_the_better_one(service: RunningService) -> None:
    service.config_path.write_text("ignore = []\n" + service.config_path.read_text())
    root = service.path()
    for folder in ("$RECYCLE.BIN", "@Recycle"):
        (root / folder).mkdir()
    for seed, small in ((501, "small.png"), (503, "@Recycle/small too.png")):
        image = Image.open(BytesIO(noisy_image(seed, True)))
        image.resize((96, 64), Image.Resampling.NEAREST).save(root / "$RECYCLE.BIN" / f"large {seed}.png")
        image.save(root / small)
    (root / "$RECYCLE.BIN" / "b001.png").write_bytes((root / "b001.png").read_bytes())
    assert service.once().returncode == 0
    label_images(service)
    service.invoke("train")
    found = {file_name(line): line for line in candidates(service)}
    assert "small.png" not in found and found["large 501.png"]["better"] == str(root / "small.png")
    assert "large 503.png" not in found and found["small too.png"]["better"] is None
    assert found["b001.png"]["path"] == str(root / "b001.png")
    assert found["b001.png"]["copies"] == [str(root / "$RECYCLE.BIN" / "b001.png")]


def test_links_follow_the_order_of_the_list_and_originals_are_untouched(
    service: RunningService, tmp_path: Path
) -> None:
    label_images(service)
    service.invoke("train")
    before = {path: os.stat(path).st_mtime_ns for path in service.path().iterdir()}
    folder = tmp_path / "list"
    assert service.invoke("candidates", "-n", "7", "--links", str(folder), "--mtimes").exception is None
    links = sorted(path for path in folder.iterdir() if path.is_symlink())
    assert [os.readlink(link) for link in links] == [str(line["path"]) for line in candidates(service, "-n", "7")]
    times = [os.lstat(link).st_mtime for link in links]
    assert times == sorted(times, reverse=True)
    assert service.invoke("candidates", "-n", "3", "--links", str(folder)).exception is None  # replaces the links
    assert sum(path.is_symlink() for path in folder.iterdir()) == 3
    assert {path: os.stat(path).st_mtime_ns for path in before} == before


def test_links_are_not_written_to_a_folder_with_other_files(service: RunningService, tmp_path: Path) -> None:
    label_images(service)
    service.invoke("train")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert "not empty" in str(service.invoke("candidates", "--links", str(tmp_path / "mine")).exception)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_suggested_images_are_unlabelled_and_distinct(service: RunningService) -> None:
    label_images(service)
    service.invoke("train")
    lines = [json.loads(line) for line in service.invoke("next", "-n", "5", "--json").stdout.splitlines()]
    assert len(lines) == 5 == len({line["path"] for line in lines})
    assert all(json.loads(service.invoke("show", line["path"], "--json").stdout)["label"] is None for line in lines)


def test_commands_report_a_damaged_head(service: RunningService) -> None:
    label_images(service)
    service.invoke("train")
    database = Database(service.config.database, write=True)
    database.run("UPDATE head SET data = substr(data, 1, 100)")
    database.close()
    for command in ("candidates", "next"):
        assert "damaged" in str(service.invoke(command).exception)


def test_commands_that_need_a_head_name_the_command_to_train_one(service: RunningService) -> None:
    for command in ("candidates", "next"):
        assert "catalog train" in service.invoke(command).exception.remedy  # type: ignore[union-attr]


def test_heads_are_listed_and_an_earlier_one_can_be_used(service: RunningService) -> None:
    label_images(service)
    first = json.loads(service.invoke("train", "--json").stdout)["head"]
    second = json.loads(service.invoke("train", "--force", "--seed", "3", "--json").stdout)["head"]
    lines = [json.loads(line) for line in service.invoke("head", "list", "--json").stdout.splitlines()]
    assert [(line["head"], line["used"]) for line in lines] == [(second, True), (first, False)]
    assert service.invoke("head", "use", str(first)).exception is None
    assert service.rows("SELECT DISTINCT head FROM score") == [(first,)]
    assert isinstance(service.invoke("head", "use", "99").exception, UsageError)


def test_images_marked_as_no_duplicates_are_never_paired_again(service: RunningService) -> None:
    root = service.path()
    image = Image.open(BytesIO(noisy_image(501, True)))
    image.resize((96, 64), Image.Resampling.NEAREST).save(root / "large.png")
    image.save(root / "small.png")
    assert service.once().returncode == 0
    pair = {str(root / "large.png"), str(root / "small.png")}

    def near_duplicates() -> list[list[str]]:
        lines = service.invoke("dups", "--near", "--json").stdout.splitlines()
        return [group["paths"] for group in map(json.loads, lines)]

    assert any(pair <= set(paths) for paths in near_duplicates())
    assert service.invoke("apart", *pair).exception is None
    assert not any(pair <= set(paths) for paths in near_duplicates())
    label_images(service)
    service.invoke("train")
    found = {file_name(line): line for line in candidates(service)}
    assert found["small.png"]["better"] is None and "large.png" in found
    (service.state / "catalog.db").unlink()
    assert service.invoke("recover", "--rebuild").exception is None
    assert service.once().returncode == 0
    assert not any(pair <= set(paths) for paths in near_duplicates())  # the journal has the pair


def test_files_with_dates_out_of_range_are_trained_on(service: RunningService) -> None:
    label_images(service)
    database = Database(service.config.database, write=True)
    database.run("UPDATE file SET mtime_ns = ? WHERE id % 8 = 1", str(-11_644_473_600 * 10**9))
    database.run("UPDATE file SET mtime_ns = ? WHERE id % 8 = 2", str(((1 << 63) - 1) * 10**9))
    database.close()
    result = json.loads(service.invoke("train", "--json").stdout)
    assert result["used"] and result["figures"]["auc"][0] > 0.95

"""From labels to scores: the head learns, is judged on what it has not seen, and scores what comes."""

import json
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from catalog.cli.main import cli
from catalog.errors import UsageError
from catalog.store.database import Database
from tests.support.running_service import Household, until

COUNT = 40


def shot(seed: int, bad: bool) -> bytes:
    """A noisy picture, reddish if it is one to delete: what the tiny model's mean colours can tell."""
    dice = np.random.default_rng(seed)
    grid = dice.integers(60, 200, (8, 8, 3))
    grid[:, :, 0 if bad else 2] = np.minimum(255, grid[:, :, 0 if bad else 2] + 50)
    buffer = BytesIO()
    Image.fromarray(grid.astype(np.uint8)).resize((48, 32), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    made = Household(tmp_path)
    for number in range(COUNT):
        kind = "b" if number % 2 else "a"
        Path(os.fsdecode(made.root), f"{kind}{number:03}.png").write_bytes(shot(number, bad=kind == "b"))
    assert made.once().returncode == 0
    yield made
    made.close()


def call(house: Household, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(house.config_path), *arguments])


def label(house: Household) -> None:
    root = Path(os.fsdecode(house.root))
    for word, kind in (("keep", "a"), ("delete", "b")):
        result = call(house, "label", word, *map(str, sorted(root.glob(f"{kind}*.png"))[:16]))
        assert result.exception is None, result.exception


def test_too_few_labels_say_what_is_missing(house: Household) -> None:
    result = call(house, "train")
    assert isinstance(result.exception, UsageError)
    assert "label keep|delete" in result.exception.remedy


def test_a_head_ranks_what_nobody_labelled(house: Household) -> None:
    label(house)
    told = json.loads(call(house, "train", "--json").stdout)
    assert told["used"] and told["scored"] == COUNT
    assert told["figures"]["auc"][0] > 0.95
    lines = [json.loads(line) for line in call(house, "ls", "--json").stdout.splitlines()]
    fresh = [(line["p_delete"], Path(line["path"]).name[0]) for line in lines if line["label"] is None]
    assert len(fresh) == 8
    assert min(p for p, kind in fresh if kind == "b") > max(p for p, kind in fresh if kind == "a")


def test_lists_are_narrowed_by_p_delete_and_say_so_where_there_is_none(house: Household) -> None:
    result = call(house, "ls", "--least", "0.5")
    assert isinstance(result.exception, UsageError) and "catalog train" in result.exception.remedy
    label(house)
    call(house, "train")
    for least, most, kind in (("0.5", "1", "b"), ("0", "0.5", "a")):
        lines = call(house, "ls", "--least", least, "--most", most, "--json").stdout.splitlines()
        assert {Path(json.loads(line)["path"]).name[0] for line in lines} == {kind}
    anywhere = str(next(Path(os.fsdecode(house.root)).glob("a*.png")))
    for limit, kind, fit in (("--least", "b", COUNT // 2), ("--most", "a", COUNT // 2 - 1)):  # itself is left out
        lines = call(house, "search", "--like", anywhere, limit, "0.5", "-k", str(COUNT), "--json").stdout.splitlines()
        assert len(lines) == fit
        assert {Path(json.loads(line)["path"]).name[0] for line in lines} == {kind}


def test_a_new_file_is_scored_by_the_running_service(house: Household) -> None:
    label(house)
    call(house, "train")
    house.start()
    for name, bad in (("new-b.png", True), ("new-a.png", False)):
        Path(os.fsdecode(house.root), name).write_bytes(shot(1000 + bad, bad))
    scores = "SELECT f.name, s.p_delete FROM file f JOIN score s ON s.content = f.content WHERE f.name LIKE 'new%'"
    ask = scores.replace("f.name LIKE 'new%'", "f.name IN (CAST('new-a.png' AS BLOB), CAST('new-b.png' AS BLOB))")
    assert until(lambda: len(house.rows(ask)) == 2), house.tail()
    found = dict(house.rows(ask))
    assert found[b"new-b.png"] > found[b"new-a.png"]
    assert house.stop() == 0
    assert house.findings() == []


def test_a_new_head_rescores_everything_in_the_running_service(house: Household) -> None:
    label(house)
    house.start()
    told = json.loads(call(house, "train", "--json").stdout)
    scored = "SELECT count(*) FROM score WHERE head = ?"
    assert until(lambda: house.rows(scored, told["head"]) == [(COUNT,)]), house.tail()
    again = json.loads(call(house, "train", "--force", "--seed", "5", "--json").stdout)
    assert until(lambda: house.rows(scored, again["head"]) == [(COUNT,)]), house.tail()


def test_a_kill_while_scoring_loses_nothing(house: Household) -> None:
    label(house)
    house.start()
    house.kill()
    call(house, "train")
    house.rows("SELECT 1")
    Path(os.fsdecode(house.root), "late.png").write_bytes(shot(77, True))
    house.once(CATALOGD_KILL_AT="score")
    assert house.once().returncode == 0
    assert house.rows("SELECT count(*) FROM score") == [(COUNT + 1,)]


def proposed(house: Household, *arguments: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in call(house, "candidates", "--json", *arguments).stdout.splitlines()]


def name(line: dict[str, object]) -> str:
    return Path(str(line["path"])).name


def test_candidates_lead_with_what_would_go_and_never_hold_what_is_kept(house: Household) -> None:
    label(house)
    call(house, "train")
    found = proposed(house)
    assert [name(line)[0] for line in found[:16]] == ["b"] * 16  # labelled delete: they only wait for the trash
    assert all("you labelled it delete" in line["why"] for line in found[:16])
    assert {name(line)[0] for line in found[16:20]} == {"b"}  # nobody labelled these
    assert all(any("that you deleted" in why for why in line["why"]) for line in found[16:20])
    kept = {path.name for path in sorted(Path(os.fsdecode(house.root)).glob("a*.png"))[:16]}
    assert not kept & {name(line) for line in found}


def test_candidates_are_the_same_with_and_without_the_service_however_few_are_asked_for(house: Household) -> None:
    label(house)
    call(house, "train")
    alone = proposed(house)
    assert [proposed(house, "-n", str(count)) for count in (1, 3, 17)] == [alone[:1], alone[:3], alone[:17]]
    house.start()
    assert until(lambda: not house.busy()), house.tail()
    assert proposed(house) == alone


def test_the_best_of_several_near_copies_is_not_proposed(house: Household) -> None:
    root = Path(os.fsdecode(house.root))
    image = Image.open(BytesIO(shot(501, True)))
    image.resize((96, 64), Image.Resampling.NEAREST).save(root / "large.png")
    image.save(root / "small.png")
    assert house.once().returncode == 0
    label(house)
    call(house, "train")
    found = {name(line): line for line in proposed(house)}
    assert "large.png" not in found
    assert found["small.png"]["better"] == str(root / "large.png")


def test_a_better_copy_in_a_recycle_bin_is_none(house: Household) -> None:
    root = Path(os.fsdecode(house.root))
    for folder in ("$RECYCLE.BIN", "@Recycle"):
        (root / folder).mkdir()
    for seed, small in ((501, "small.png"), (503, "@Recycle/small too.png")):
        image = Image.open(BytesIO(shot(seed, True)))
        image.resize((96, 64), Image.Resampling.NEAREST).save(root / "$RECYCLE.BIN" / f"large {seed}.png")
        image.save(root / small)
    (root / "$RECYCLE.BIN" / "b001.png").write_bytes((root / "b001.png").read_bytes())
    assert house.once().returncode == 0
    label(house)
    call(house, "train")
    found = {name(line): line for line in proposed(house)}
    assert "small.png" not in found and found["large 501.png"]["better"] == str(root / "small.png")
    assert "large 503.png" not in found and found["small too.png"]["better"] is None
    assert found["b001.png"]["path"] == str(root / "b001.png")
    assert found["b001.png"]["copies"] == [str(root / "$RECYCLE.BIN" / "b001.png")]


def test_links_stand_in_the_order_of_the_list_and_originals_are_untouched(house: Household, tmp_path: Path) -> None:
    label(house)
    call(house, "train")
    before = {path: os.stat(path).st_mtime_ns for path in Path(os.fsdecode(house.root)).iterdir()}
    folder = tmp_path / "list"
    assert call(house, "candidates", "-n", "7", "--links", str(folder), "--mtimes").exception is None
    links = sorted(path for path in folder.iterdir() if path.is_symlink())
    assert [os.readlink(link) for link in links] == [str(line["path"]) for line in proposed(house, "-n", "7")]
    times = [os.lstat(link).st_mtime for link in links]
    assert times == sorted(times, reverse=True)
    assert call(house, "candidates", "-n", "3", "--links", str(folder)).exception is None  # filled again
    assert sum(path.is_symlink() for path in folder.iterdir()) == 3
    assert {path: os.stat(path).st_mtime_ns for path in before} == before


def test_a_folder_with_other_things_in_it_is_left_alone(house: Household, tmp_path: Path) -> None:
    label(house)
    call(house, "train")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert "not empty" in str(call(house, "candidates", "--links", str(tmp_path / "mine")).exception)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_the_most_telling_labels_are_unlabelled_and_unlike(house: Household) -> None:
    label(house)
    call(house, "train")
    lines = [json.loads(line) for line in call(house, "next", "-n", "5", "--json").stdout.splitlines()]
    assert len(lines) == 5 == len({line["path"] for line in lines})
    assert all(json.loads(call(house, "show", line["path"], "--json").stdout)["label"] is None for line in lines)


def test_a_head_that_cannot_be_read_is_called_that(house: Household) -> None:
    label(house)
    call(house, "train")
    database = Database(house.config.database, write=True)
    database.run("UPDATE head SET data = substr(data, 1, 100)")
    database.close()
    for command in ("candidates", "next"):
        assert "damaged" in str(call(house, command).exception)


def test_without_a_head_the_way_to_one_is_named(house: Household) -> None:
    for command in ("candidates", "next"):
        assert "catalog train" in call(house, command).exception.remedy  # type: ignore[union-attr]


def test_heads_are_kept_listed_and_gone_back_to(house: Household) -> None:
    label(house)
    first = json.loads(call(house, "train", "--json").stdout)["head"]
    second = json.loads(call(house, "train", "--force", "--seed", "3", "--json").stdout)["head"]
    lines = [json.loads(line) for line in call(house, "head", "list", "--json").stdout.splitlines()]
    assert [(line["head"], line["used"]) for line in lines] == [(second, True), (first, False)]
    assert call(house, "head", "use", str(first)).exception is None
    assert house.rows("SELECT DISTINCT head FROM score") == [(first,)]
    assert isinstance(call(house, "head", "use", "99").exception, UsageError)


def test_what_is_no_duplicate_is_never_paired_again(house: Household) -> None:
    root = Path(os.fsdecode(house.root))
    image = Image.open(BytesIO(shot(501, True)))
    image.resize((96, 64), Image.Resampling.NEAREST).save(root / "large.png")
    image.save(root / "small.png")
    assert house.once().returncode == 0
    pair = {str(root / "large.png"), str(root / "small.png")}

    def near() -> list[list[str]]:
        lines = call(house, "dups", "--near", "--json").stdout.splitlines()
        return [group["paths"] for group in map(json.loads, lines)]

    assert any(pair <= set(paths) for paths in near())
    assert call(house, "apart", *pair).exception is None
    assert not any(pair <= set(paths) for paths in near())
    label(house)
    call(house, "train")
    found = {name(line): line for line in proposed(house)}
    assert found["small.png"]["better"] is None and "large.png" in found
    (house.state / "catalog.db").unlink()
    assert call(house, "recover", "--rebuild").exception is None
    assert house.once().returncode == 0
    assert not any(pair <= set(paths) for paths in near())  # the journal knew


def test_a_file_with_a_nonsense_date_teaches_like_any_other(house: Household) -> None:
    label(house)
    database = Database(house.config.database, write=True)
    database.run("UPDATE file SET mtime_ns = ? WHERE id % 8 = 1", str(-11_644_473_600 * 10**9))
    database.run("UPDATE file SET mtime_ns = ? WHERE id % 8 = 2", str(((1 << 63) - 1) * 10**9))
    database.close()
    told = json.loads(call(house, "train", "--json").stdout)
    assert told["used"] and told["figures"]["auc"][0] > 0.95

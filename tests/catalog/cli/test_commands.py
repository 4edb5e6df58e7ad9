"""The commands on a small collection after one pass: results on stdout, JSON, and exit codes."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from catalog.integrity.rejected import COLUMNS
from tests.support.running_service import RunningService, picture

HOSTILE = b"new\nline \xff\x1b[31m.gif"  # its content is a PNG


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Six files: two copies, a near copy, one with a hostile name, a truncated one, and one that is not an image."""
    service = RunningService(tmp_path_factory.mktemp("home"))
    root = service.path()
    (root / "a.png").write_bytes(picture(1))
    (root / "sub").mkdir()
    (root / "sub" / "copy.png").write_bytes(picture(1))
    near = BytesIO()
    Image.open(BytesIO(picture(1))).resize((96, 64)).save(near, "JPEG", quality=95)
    (root / "near.jpg").write_bytes(near.getvalue())
    Path(os.fsdecode(service.root + b"/" + HOSTILE)).write_bytes(picture(2))
    (root / "cut.png").write_bytes(picture(3)[:-20])
    (root / "page.jpg").write_bytes(b"<!doctype html><html>not an image</html>")
    done = service.once()
    assert done.returncode == 0, done.stderr
    yield service
    service.close()


def run_catalog(service: RunningService, *arguments: str | bytes, code: int = 0) -> str:
    result = service.catalog(*arguments)
    assert result.returncode == code, result.stderr
    return result.stderr if code else result.stdout


def place(service: RunningService, name: str | bytes) -> bytes:
    return service.root + b"/" + os.fsencode(name)


def test_status_counts_files_by_state(service: RunningService) -> None:
    found = json.loads(run_catalog(service, "status", "--json"))
    absent = {"pending": 0, "gone": 0, "unreachable": 0, "dropped": 0, "ignored": 0}
    assert found["files"] == {"total": 6, "ok": 4, "rejected": 2, **absent}
    assert found["vectors"] == 3
    assert found["index"]["size"] == 3
    assert found["index"]["lag"] == 0
    assert found["model"]["provider"] == "CPUExecutionProvider"
    assert [(os.fsencode(root["path"]), root["state"]) for root in found["roots"]] == [(service.root, "present")]
    assert found["daemon"]["running"] is False
    assert found["verified"] | {"days": 90, "percent": 100.0} == found["verified"]
    assert "rejected" in run_catalog(service, "status")


def test_ls_json_has_every_field_and_every_byte_of_a_name(service: RunningService) -> None:
    found = service.json_lines("ls")
    assert len(found) == 6
    keys = {"path", "state", "reason", "detail", "sha256", "bytes", "format", "width", "height", "p_delete"}
    assert all(keys <= set(line) for line in found)
    assert place(service, HOSTILE) in {os.fsencode(line["path"]) for line in found}


def test_ls_prints_one_line_per_file_even_for_hostile_names(service: RunningService) -> None:
    assert len(run_catalog(service, "ls").splitlines()) == 6


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (["--state", "rejected"], 2),
        (["--state", "ok", "--format", "jpeg"], 1),
        (["--reason", "trunc"], 1),
        (["--name", "COPY"], 1),
        (["--state", "gone"], 0),
    ],
)
def test_ls_applies_its_filters(service: RunningService, filters: list[str], count: int) -> None:
    assert len(service.json_lines("ls", *filters)) == count


def test_ls_lists_only_the_folder(service: RunningService) -> None:
    assert [line["bytes"] for line in service.json_lines("ls", place(service, "sub"))] == [len(picture(1))]


def test_show_lists_history_copies_and_neighbours(service: RunningService) -> None:
    found = json.loads(run_catalog(service, "show", place(service, "a.png"), "--json"))
    assert found["state"] == "ok"
    assert [line["verdict"] for line in found["history"]] == ["first"]
    assert [os.fsencode(path) for path in found["copies"]] == [place(service, "sub/copy.png")]
    assert os.fsencode(found["neighbours"][1]["path"]) == place(service, "near.jpg")
    assert "history" in run_catalog(service, "show", place(service, HOSTILE))


def test_show_notes_an_extension_of_another_format(service: RunningService) -> None:
    assert json.loads(run_catalog(service, "show", place(service, "near.jpg"), "--json"))["note"] is None
    assert (
        json.loads(run_catalog(service, "show", place(service, HOSTILE), "--json"))["note"]
        == "a PNG, though named .gif"
    )


def test_show_of_an_unknown_path_suggests_a_scan(service: RunningService) -> None:
    assert "catalogd --once" in run_catalog(service, "show", "/nowhere.png", code=2)


def test_similar_lists_copies_first_and_leaves_out_the_query(service: RunningService) -> None:
    found = service.json_lines("similar", place(service, "a.png"), "-k", "2")
    assert [os.fsencode(line["path"]) for line in found] == [place(service, "sub/copy.png"), place(service, "near.jpg")]
    assert found[0]["cosine"] == pytest.approx(1, abs=1e-3)
    assert found[1]["cosine"] > 0.97


def test_similar_accepts_a_file_outside_the_catalog(service: RunningService, tmp_path: Path) -> None:
    (tmp_path / "query.png").write_bytes(picture(2))
    assert os.fsencode(service.json_lines("similar", str(tmp_path / "query.png"))[0]["path"]) == place(service, HOSTILE)


def test_similar_refuses_a_file_that_is_not_an_image(service: RunningService) -> None:
    assert "cannot be embedded" in run_catalog(service, "similar", place(service, "page.jpg"), code=2)
    assert "cannot read" in run_catalog(service, "similar", "/nowhere.png", code=4)


def test_dups_lists_exact_and_near_duplicates(service: RunningService) -> None:
    exact = service.json_lines("dups")
    assert [(group["kind"], len(group["paths"])) for group in exact] == [("exact", 2)]
    assert exact[0]["keep"] in exact[0]["paths"]
    near = [group for group in service.json_lines("dups", "--near", "--threshold", "0.95") if group["kind"] == "near"]
    assert len(near) == 1
    assert os.fsencode(near[0]["keep"]) == place(service, "near.jpg")  # four times the pixels


def test_rejected_prints_json_and_writes_csv(service: RunningService, tmp_path: Path) -> None:
    assert {line["reason"] for line in service.json_lines("rejected")} == {"truncated", "wrong type for its name"}
    run_catalog(service, "rejected", "--csv", str(tmp_path / "list.csv"))
    assert run_catalog(service, "rejected", "--csv") == (tmp_path / "list.csv").read_text()
    with (tmp_path / "list.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["reason"] for row in rows} == {"truncated", "wrong type for its name"}
    assert list(rows[0]) == list(COLUMNS)
    assert {row["root"] for row in rows} == {os.fsdecode(service.root)}
    assert all(row["last_verified"] and row["attempts"] == "1" and not row["next_try"] for row in rows)


def test_doctor_finds_everything_in_order(service: RunningService) -> None:
    found = service.json_lines("doctor")
    assert {"root", "watches", "disk", "catalog", "provider", "model", "loader"} <= {line["topic"] for line in found}
    assert [line for line in found if not line["well"]] == []


def test_a_closed_pipe_is_not_an_error(service: RunningService) -> None:
    command = f"{sys.executable} -m catalog.cli.main --config {service.config_path} ls | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""


def test_similar_answers_the_same_with_and_without_the_service(service: RunningService) -> None:
    direct = service.json_lines("similar", place(service, "a.png"))
    service.start()
    try:
        served = service.json_lines("similar", place(service, "a.png"))
        assert json.loads(run_catalog(service, "status", "--json"))["daemon"]["running"] is True
    finally:
        assert service.stop() == 0
    assert [line["path"] for line in served] == [line["path"] for line in direct]

"""The nightly report: its sections with and without data, the stored reports, and the exit code."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.report import archive, build
from catalog.report.build import SECTIONS
from catalog.report.elements import StoredReport
from catalog.report.sections.damage import first_history_row_after
from catalog.report.sections.head import MeanScore, has_drifted
from catalog.state_dir import REPORTS
from tests.support.report_service import (
    COUNT,
    EVIL,
    NO_BASELINE,
    add_images,
    current_report,
    flip_byte,
    label_and_train,
    open_catalog,
    write,
)
from tests.support.running_service import RunningService, picture
from tests.support.waiting import wait_until

DAY = 86400.0


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    made = RunningService(tmp_path, roots=2)
    yield made
    made.close()


@pytest.fixture
def full(service: RunningService) -> RunningService:
    add_images(service)
    return service


def test_every_section_of_an_empty_catalog_has_a_headline_and_no_alarm(service: RunningService) -> None:
    assert service.once().returncode == 0
    report = current_report(service)
    assert list(report.sections) == list(SECTIONS)
    assert report.alarms == {}
    assert all(section.headline for section in report.sections.values())
    assert [name for name, section in report.sections.items() if section.thumbnails] == []
    result = service.invoke("report")
    assert (result.exit_code, "Nothing needs your attention." in result.stdout) == (0, True), result.exception


def test_without_a_head_the_other_sections_are_complete(full: RunningService) -> None:
    report = current_report(full)
    assert report.alarms == {}
    sections = {name: section.record for name, section in report.sections.items()}
    assert sections["changes"]["files"] == COUNT + 3
    assert (sections["rejected"]["total"], sections["rejected"]["new"]) == (1, 1)
    assert (sections["duplicates"]["copies"], sections["duplicates"]["groups"]) == (1, 1)
    assert sections["duplicates"]["bytes_freed"] == full.path("copy.png").stat().st_size
    assert sections["ingest"]["days"][-1]["files"] == COUNT + 3
    assert sections["corruption"]["damaged"] == 1
    assert sections["scrub"]["percent"] == 100
    assert sections["model"]["vectors"] == COUNT + 1
    assert [volume["files"] for volume in sections["roots"]["volumes"]] == [COUNT + 3, 0]
    assert sections["head"]["id"] is None
    assert "No head yet" in report.sections["candidates"].headline


def test_with_a_head_candidates_and_images_to_label_are_listed(full: RunningService) -> None:
    label_and_train(full)
    report = current_report(full)
    candidates, to_label = report.sections["candidates"], report.sections["lessons"]
    assert candidates.record["contents"] >= 12
    assert candidates.record["bytes_freed"] > 0
    assert os.fsencode(candidates.record["files"][0]["path"]).startswith(full.root)
    assert all(one.captions and one.p_delete is not None for one in candidates.thumbnails)
    assert to_label.record == {**to_label.record, "labels": 23, "keep": 11, "delete": 12}
    assert len(to_label.thumbnails) > 0
    head = report.sections["head"]
    assert sum(point.value for point in head.plot.points) == COUNT + 1 if head.plot else False
    assert head.record["figures"]["auc"]
    assert report.sections["doubts"].record["doubts"] >= 0


def test_a_label_that_looks_wrong_is_listed(full: RunningService) -> None:
    label_and_train(full)
    write(full, "UPDATE label SET held_out = iif(value = 'keep', 0.05, 0.9)")
    write(
        full, "UPDATE label SET held_out = 0.97 WHERE content = (SELECT min(content) FROM label WHERE value = 'keep')"
    )
    doubts = current_report(full).sections["doubts"]
    assert (doubts.record["doubts"], doubts.record["files"][0]["label"]) == (1, "keep")


def test_bit_rot_is_an_alarm_until_it_is_accepted(full: RunningService) -> None:
    flip_byte(full, "a002.png")
    report = current_report(full)
    damage = report.sections["damage"]
    assert (damage.record["total"], damage.record["new"]) == (1, 1)
    assert sum(damage.record["verdicts"].values()) == 1
    assert damage.record["files"][0]["path"] == str(full.path("a002.png"))
    assert next(iter(report.ordered)) == "damage"
    result = full.invoke("report", "--json")
    assert result.exit_code == 1
    assert [alarm["section"] for alarm in json.loads(result.stdout)["alarms"]] == ["damage"]
    assert full.invoke("accept", str(full.path("a002.png"))).exit_code == 0
    assert full.invoke("report").exit_code == 0


def test_a_suspect_is_new_once_and_counted_afterwards(full: RunningService) -> None:
    sha = "SELECT content FROM file WHERE name = CAST('a004.png' AS BLOB)"
    write(full, f"UPDATE content SET suspect = 'it breaks at row 3' WHERE id = ({sha})")
    now = time.time()
    first = current_report(full, now).sections["suspects"]
    assert (first.record["new"], first.record["total"], first.alarm) == (1, 1, "")
    assert first.record["files"][0]["detail"] == "it breaks at row 3"
    later = SECTIONS["suspects"](
        open_catalog(full), now, archive.choose_baseline((StoredReport("2020-01-01", now - 1, {}),), now, now + 60)
    )
    assert (later.record["new"], later.record["total"]) == (0, 1)


def test_an_absent_root_is_an_alarm(full: RunningService) -> None:
    os.rename(full.roots[1], full.roots[1] + b".away")
    full.once()
    report = current_report(full)
    assert list(report.alarms) == ["roots"]
    assert str(full.path(root=1)) in report.alarms["roots"].alarm
    assert [bool(volume["away"]) for volume in report.sections["roots"].record["volumes"]] == [False, True]
    assert full.invoke("report").exit_code == 1


def test_a_held_root_is_an_alarm_with_its_remedy(full: RunningService) -> None:
    write(full, "UPDATE volume SET missed = 30, known = 40, away = 'a scan missed 30 of 40 files' WHERE id = 1")
    section = current_report(full).sections["roots"]
    assert "is held since" in section.alarm
    assert "catalog init" in section.alarm


def test_a_root_that_is_no_longer_scanned_is_an_alarm(full: RunningService) -> None:
    assert "has not been scanned for 4 days" in current_report(full, time.time() + 4 * DAY).sections["roots"].alarm


def test_overdue_scrubs_failed_backups_and_damaged_arrivals_are_alarms(full: RunningService) -> None:
    now = time.time()
    write(full, "UPDATE file SET last_verified = ?", now - 120 * DAY)
    write(full, "INSERT INTO event(at, kind, detail) VALUES (?, 'backup failed', 'the disk is full')", now)
    write(full, "INSERT INTO intake VALUES (1, ?, 100, 60)", int((now - DAY) // DAY))
    alarms = current_report(full, now).alarms
    assert set(alarms) == {"scrub", "backups", "corruption"}
    assert "120 days old" in alarms["scrub"].alarm
    assert "the disk is full" in alarms["backups"].alarm
    assert "60 % of 100 images" in alarms["corruption"].alarm


def test_the_backups_are_counted(full: RunningService) -> None:
    assert full.invoke("backup").exit_code == 0
    section = current_report(full).sections["backups"]
    assert (section.record["kept"], "1 copy kept" in section.headline) == (1, True)


def test_a_section_that_fails_shows_its_error_and_the_others_are_complete(full: RunningService) -> None:
    label_and_train(full)
    (full.folder / "bundle").rename(full.folder / "away")
    report = current_report(full)
    assert set(report.alarms) == {"candidates"}
    assert report.sections["changes"].record["files"] == COUNT + 3


def test_the_report_is_the_same_while_the_service_runs(full: RunningService) -> None:
    label_and_train(full)
    stopped = current_report(full).record()["sections"]
    full.start()
    assert wait_until(lambda: full.busy() == ""), full.tail()
    live = current_report(full).record()["sections"]
    assert (stopped["model"]["running"], live["model"]["running"]) == (False, True)
    for name in ("damage", "changes", "rejected", "duplicates"):
        assert live[name] == stopped[name]
    assert [one["path"] for one in live["candidates"]["files"]] == [
        one["path"] for one in stopped["candidates"]["files"]
    ]
    assert full.invoke("report").exit_code == 0
    assert full.alive


def test_counts_are_compared_with_the_last_report_of_an_earlier_day(full: RunningService) -> None:
    now = time.time()
    before = current_report(full, now - DAY)
    archive.store_report(full.state, archive.format_local_date(now - DAY), before.record(), "", 30)
    for name in ("x.png", "y.png"):
        full.path(name).write_bytes(picture(ord(name[0])))
    assert full.once().returncode == 0
    for _ in range(2):  # a second report on the same day is compared with the same one
        result = full.invoke("report", "--json")
        found = json.loads(result.stdout)
        assert found["compared_with"] == archive.format_local_date(now - DAY)
        assert "+2 files" in found["sections"]["changes"]["headline"]
    assert "+2" in full.invoke("report").stdout


@pytest.mark.parametrize("day", ["2001-01-01", "0001-01-01"])
def test_a_report_since_a_date_is_not_stored(full: RunningService, day: str) -> None:
    past = json.loads(full.invoke("report", "--json", "--since", day).stdout)
    assert past["sections"]["rejected"]["new"] == 1
    ahead = time.strftime("%Y-%m-%d", time.localtime(time.time() + 2 * DAY))
    assert json.loads(full.invoke("report", "--json", "--since", ahead).stdout)["sections"]["rejected"]["new"] == 0
    assert not (full.state / REPORTS).exists()


def test_reports_are_stored_as_page_and_json_and_damaged_ones_are_skipped(full: RunningService) -> None:
    folder = full.state / REPORTS
    folder.mkdir()
    (folder / "report-2020-01-01.json").write_text('{"at": 5}')
    (folder / "report-2020-01-02.json").write_bytes(b"\xff\xfe")
    assert full.invoke("report").exit_code == 0
    day = archive.format_local_date(time.time())
    assert {path.name for path in folder.glob(f"*{day}*")} == {f"report-{day}.html", f"report-{day}.json"}
    assert [kept.day for kept in archive.read_reports(full.state)] == [day]
    assert json.loads((folder / f"report-{day}.json").read_text())["sections"]["changes"]["files"] == COUNT + 3


def test_only_the_oldest_reports_expire() -> None:
    days = [f"2026-01-{day:02}" for day in range(1, 8)]
    names = [f"report-{day}.{kind}" for day in days for kind in ("json", "html")]
    others = ["notes.txt", "report-latest.html", ".report-2026-01-01.html.new"]
    assert archive.expired_reports([*names, *others], 5) == {name for name in names if name[7:17] in days[:2]}
    assert archive.expired_reports(names, 0) == {name for name in names if name[7:17] != days[-1]}, "the newest is kept"


def test_the_configured_number_of_reports_is_kept(full: RunningService) -> None:
    with full.config_path.open("a") as file:
        file.write("[report]\nkeep = 2\n")
    for back in (3, 2, 1):
        archive.store_report(
            full.state, archive.format_local_date(time.time() - back * DAY), current_report(full).record(), "", 30
        )
    assert full.invoke("report").exit_code == 0
    assert len(list((full.state / REPORTS).iterdir())) == 4


def test_a_report_from_the_future_is_no_baseline() -> None:
    now = time.time()
    future = StoredReport(archive.format_local_date(now + 3 * DAY), now + 3 * DAY, {})
    assert archive.choose_baseline((future,), now).previous is None
    past = StoredReport(archive.format_local_date(now - DAY), now - DAY, {})
    assert archive.choose_baseline((past, future), now).previous == past


@pytest.mark.parametrize(
    ("new", "old", "moved"),
    [
        (MeanScore(100, 0.6, 0.04), MeanScore(5000, 0.2, 0.04), True),
        (MeanScore(100, 0.25, 0.04), MeanScore(5000, 0.2, 0.04), False),
        (MeanScore(20, 0.9, 0.04), MeanScore(5000, 0.2, 0.04), False),
        (MeanScore(40, 0.4, 0.25), MeanScore(40, 0.2, 0.25), False),
    ],
)
def test_drift_is_a_significant_and_relevant_difference(new: MeanScore, old: MeanScore, moved: bool) -> None:
    assert has_drifted(new, old) == moved


def test_the_first_history_row_after_a_time_is_found(full: RunningService) -> None:
    database = open_catalog(full).database
    rows = database.rows("SELECT id, seen_at FROM history ORDER BY id")
    for id_, at in rows[::5]:
        assert first_history_row_after(database, at) == min(
            (row for row, other in rows if other > at), default=rows[-1][0] + 1
        )
        assert first_history_row_after(database, at - 1e-3) <= id_
    assert first_history_row_after(database, 0.0) == 1


def test_a_hostile_name_cannot_forge_a_line(full: RunningService) -> None:
    label_and_train(full)
    flip_byte(full, EVIL)
    text = full.invoke("report").stdout
    assert "<script>alert(1)<b>&\"'\\n\\xff.png" in text
    as_json = json.loads(full.invoke("report", "--json").stdout)
    paths = [os.fsencode(one["path"]) for one in as_json["sections"]["damage"]["files"]]
    assert paths == [full.root + b"/" + EVIL]


def test_every_section_module_is_in_the_list() -> None:
    folder = Path(build.__file__).parent / "sections"
    section_modules = {file.stem for file in folder.glob("*.py") if "\ndef section(" in file.read_text()}
    assert {make.__module__.rpartition(".")[2] for make in SECTIONS.values()} == section_modules


def test_without_a_previous_report_records_are_empty() -> None:
    assert NO_BASELINE.record("changes") == {}

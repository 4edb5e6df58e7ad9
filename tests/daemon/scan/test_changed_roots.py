"""Roots that are dropped, taken back, renamed, moved, copied, narrowed or widened: their files keep all they have."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.filesystem.volume_identity import MARKER_NAME
from catalog.integrity.repair import repair_catalog
from tests.support.mounts import mounted
from tests.support.running_service import RunningService, picture
from tests.support.scrub_service import change
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    """Yield two roots of three images each; one image is in both."""
    made = RunningService(tmp_path, roots=2)
    for number, seeds in ((0, (1, 2, 9)), (1, (3, 4, 9))):
        (root(made, number) / "sub").mkdir()
        for seed in seeds:
            (root(made, number) / "sub" / f"{seed}.png").write_bytes(picture(seed))
    done = made.once()
    assert done.returncode == 0, done.stderr
    yield made
    made.close()


def root(service: RunningService, number: int) -> Path:
    return service.folder / f"root{number}"


def configure(service: RunningService, *roots: Path) -> None:
    """Write other roots into the configuration."""
    text = service.config_path.read_text("utf-8")
    start, end = text.index("roots = ["), text.index("]") + 1
    listed = ", ".join(json.dumps(str(path)) for path in roots)
    service.config_path.write_text(f"{text[:start]}roots = [{listed}]{text[end:]}", "utf-8")


def passes(service: RunningService, code: int = 0) -> str:
    done = service.once()
    assert done.returncode == code, done.stderr
    return done.stderr


def shown(service: RunningService) -> dict[str, str]:
    """Return the state of each file by its path below the folder."""
    top = len(os.fsencode(service.folder)) + 1
    return {os.fsdecode(path[top:]): state for path, (state, _, _) in service.states().items()}


def kept(service: RunningService) -> list[tuple[Any, ...]]:
    """Return what reading, embedding or adding a file would change."""
    return service.rows("SELECT id, content, first_seen, last_verified, attempts FROM file ORDER BY id") + service.rows(
        "SELECT (SELECT count(*) FROM history), (SELECT count(*) FROM vector), (SELECT seq FROM clock)"
    )


def catalog(service: RunningService, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("catalog")
    call = [str(program), "--config", str(service.config_path), *arguments]
    return subprocess.run(call, capture_output=True, text=True, timeout=120)


def lines(service: RunningService, *arguments: str) -> list[dict[str, Any]]:
    done = catalog(service, *arguments, "--json")
    assert done.returncode in (0, 1), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


FIRST = {f"root0/sub/{seed}.png": "ok" for seed in (1, 2, 9)}
SECOND = {f"root1/sub/{seed}.png": "ok" for seed in (3, 4, 9)}


def test_a_dropped_root_is_quiet_and_absent_from_answers(service: RunningService) -> None:
    configure(service, root(service, 0))
    shutil.rmtree(root(service, 1))
    passes(service)
    assert shown(service) == {**FIRST, **dict.fromkeys(SECOND, "dropped")}
    (status,) = lines(service, "status")
    assert status["files"] == {
        **{"total": 6, "ok": 3, "rejected": 0, "pending": 0, "gone": 0, "unreachable": 0},
        **{"dropped": 3, "ignored": 0},
    }
    assert [entry["state"] for entry in status["roots"]] == ["present"]
    report = catalog(service, "report")
    assert report.returncode == 0, report.stdout
    assert "root1" not in report.stdout
    assert lines(service, "dups") == []
    similar = lines(service, "similar", str(root(service, 0) / "sub" / "1.png"), "-k", "10")
    assert len(similar) == 2 and all("root0" in line["path"] for line in similar)
    (details,) = lines(service, "show", str(root(service, 0) / "sub" / "9.png"))
    assert details["copies"] == []
    (gone,) = lines(service, "show", str(root(service, 1) / "sub" / "9.png"))
    assert gone["state"] == "dropped"
    assert not any("root1" in finding["word"] for finding in lines(service, "doctor"))
    assert service.findings() == []


def test_a_copy_on_a_dropped_root_is_no_copy_that_stays(service: RunningService) -> None:
    configure(service, root(service, 0))
    passes(service)
    done = catalog(service, "trash", "--dry-run", str(root(service, 0) / "sub" / "9.png"))
    assert "no other copy" in done.stdout + done.stderr


def test_a_dropped_root_taken_back_has_all_it_had(service: RunningService) -> None:
    before = kept(service)
    configure(service, root(service, 0))
    passes(service)
    configure(service, root(service, 0), root(service, 1))
    passes(service)
    assert (shown(service), kept(service)) == ({**FIRST, **SECOND}, before)
    assert service.findings() == []


def test_a_reload_drops_a_root_and_takes_it_back(service: RunningService) -> None:
    before = kept(service)
    service.start()
    configure(service, root(service, 0))
    service.signal(signal.SIGHUP)
    assert wait_until(lambda: set(shown(service).values()) == {"ok", "dropped"}), service.tail()
    (root(service, 1) / "late.png").write_bytes(picture(77))  # nobody watches it
    configure(service, root(service, 0), root(service, 1))
    service.signal(signal.SIGHUP)
    assert wait_until(lambda: shown(service).get("root1/late.png") == "ok"), service.tail()
    assert kept(service)[:6] == before[:6]
    assert service.stop() == 0


def test_a_directory_that_cannot_be_read_comes_back_with_its_root(service: RunningService) -> None:
    change(
        service,
        "INSERT INTO volume(root, path, kind, identity, away, since) SELECT id, CAST(path || '/sub' AS BLOB),"
        " 'blocked', '', 'permission denied', 1.0 FROM volume WHERE path LIKE '%root1'",
    )
    change(
        service,
        "UPDATE directory SET volume = (SELECT id FROM volume WHERE kind = 'blocked') WHERE path LIKE '%root1/sub'",
    )
    change(service, "DELETE FROM tally")
    repair_catalog(service.config, service.findings())
    configure(service, root(service, 0))
    passes(service)
    assert shown(service) == {**FIRST, **dict.fromkeys(SECOND, "dropped")}
    configure(service, root(service, 0), root(service, 1))
    passes(service)
    assert shown(service) == {**FIRST, **SECOND}
    assert service.findings() == []


def test_a_renamed_root_keeps_all_it_had(service: RunningService) -> None:
    before = kept(service)
    root(service, 0).rename(service.folder / "photos")
    configure(service, service.folder / "photos", root(service, 1))
    passes(service)
    assert shown(service) == {path.replace("root0", "photos"): "ok" for path in FIRST} | SECOND
    assert kept(service) == before
    assert service.findings() == []
    assert len(lines(service, "status")[0]["roots"]) == 2


def test_a_root_that_was_configured_before_it_was_mounted_elsewhere_keeps_all_it_had(service: RunningService) -> None:
    before = kept(service)
    root(service, 0).rename(service.folder / "disk")
    configure(service, service.folder / "photos", root(service, 1))
    passes(service, 4)
    (service.folder / "disk").rename(service.folder / "photos")
    passes(service)
    assert shown(service) == {path.replace("root0", "photos"): "ok" for path in FIRST} | SECOND
    assert kept(service) == before


@pytest.mark.parametrize("deeper", [True, False])
def test_a_root_moved_into_itself_or_out_of_itself_keeps_all_it_had(service: RunningService, deeper: bool) -> None:
    inner = root(service, 0) / "sub"
    before = kept(service)
    if not deeper:  # begin one level deeper
        root(service, 0).rename(service.folder / "aside")
        root(service, 0).mkdir()
        (service.folder / "aside").rename(inner)
        configure(service, inner, root(service, 1))
        passes(service)
        assert kept(service) == before
        inner.rename(service.folder / "aside")
        root(service, 0).rmdir()
        (service.folder / "aside").rename(root(service, 0))
        configure(service, root(service, 0), root(service, 1))
        expected = {**FIRST, **SECOND}
    else:
        root(service, 0).rename(service.folder / "aside")
        root(service, 0).mkdir()
        (service.folder / "aside").rename(inner)
        configure(service, inner, root(service, 1))
        expected = {path.replace("root0", "root0/sub"): "ok" for path in FIRST} | SECOND
    passes(service)
    assert (shown(service), kept(service)) == (expected, before)
    assert service.findings() == []


def test_a_copied_disk_is_a_second_volume_and_status_says_so(service: RunningService) -> None:
    copy = service.folder / "copy"
    shutil.copytree(root(service, 0), copy)
    configure(service, root(service, 0), root(service, 1), copy)
    passes(service)
    assert shown(service) == {**FIRST, **SECOND, **{path.replace("root0", "copy"): "ok" for path in FIRST}}
    notes = {entry["path"]: entry["same_marker"] for entry in lines(service, "status")[0]["roots"]}
    assert notes == {str(root(service, 0)): str(copy), str(copy): str(root(service, 0)), str(root(service, 1)): None}
    assert f"has the same marker as {copy}" in catalog(service, "status").stdout


def test_a_copy_does_not_take_the_place_of_a_configured_root_that_is_away(service: RunningService) -> None:
    copy = service.folder / "copy"
    shutil.copytree(root(service, 0), copy)
    root(service, 0).rename(service.folder / "unmounted")
    configure(service, root(service, 0), root(service, 1), copy)
    passes(service, 4)
    copied = {path.replace("root0", "copy"): "ok" for path in FIRST}
    assert shown(service) == {**dict.fromkeys(FIRST, "unreachable"), **SECOND, **copied}


def test_a_moved_root_that_lost_most_files_is_held(service: RunningService) -> None:
    for seed in range(100, 140):
        (root(service, 0) / f"{seed}.png").write_bytes(picture(seed))
    passes(service)
    photos = service.folder / "photos"
    photos.mkdir()
    shutil.copy(root(service, 0) / os.fsdecode(MARKER_NAME), photos)
    configure(service, photos, root(service, 1))
    passes(service, 4)
    assert sum(state == "unreachable" for state in shown(service).values()) == 43


def test_a_narrower_root_takes_its_part(service: RunningService) -> None:
    before = kept(service)
    (root(service, 0) / "other").mkdir()
    (root(service, 0) / "other" / "5.png").write_bytes(picture(5))
    passes(service)
    configure(service, root(service, 0) / "sub", root(service, 1))
    passes(service)
    assert shown(service) == {**FIRST, **SECOND, "root0/other/5.png": "dropped"}
    assert kept(service)[:6] == before[:6]
    assert service.findings() == []
    configure(service, root(service, 0), root(service, 1))
    passes(service)
    assert shown(service) == {**FIRST, **SECOND, "root0/other/5.png": "ok"}
    assert kept(service)[:6] == before[:6]
    assert service.findings() == []


def test_a_wider_root_takes_in_the_roots_inside_it(service: RunningService) -> None:
    before = kept(service)
    outer = service.folder / "outer"
    outer.mkdir()
    for number in (0, 1):
        root(service, number).rename(outer / f"root{number}")
    configure(service, outer / "root0", outer / "root1")
    passes(service)
    configure(service, outer)
    passes(service)
    assert shown(service) == {f"outer/{path}": "ok" for path in (*FIRST, *SECOND)}
    assert kept(service) == before
    assert [entry["path"] for entry in lines(service, "status")[0]["roots"]] == [str(outer)]
    assert service.findings() == []


def test_a_wider_root_guards_an_unmounted_root_inside_it(service: RunningService) -> None:
    outer = service.folder / "outer"
    (outer / "usb").mkdir(parents=True)
    root(service, 0).rename(service.folder / "disk")
    with mounted(os.fsencode(outer / "usb"), "--bind", os.fsencode(service.folder / "disk")):
        configure(service, outer / "usb", root(service, 1))
        passes(service)
        before = kept(service)
    configure(service, outer, root(service, 1))
    passes(service, 4)
    usb = {path.replace("root0", "outer/usb"): "ok" for path in FIRST}
    assert shown(service) == {**dict.fromkeys(usb, "unreachable"), **SECOND}
    with mounted(os.fsencode(outer / "usb"), "--bind", os.fsencode(service.folder / "disk")):
        passes(service)
        assert (shown(service), kept(service)) == ({**usb, **SECOND}, before)
        assert service.findings() == []
    passes(service, 4)
    assert shown(service) == {**dict.fromkeys(usb, "unreachable"), **SECOND}


def test_a_mount_inside_a_dropped_root_is_dropped_with_it(service: RunningService) -> None:
    inner = root(service, 1) / "inner"
    inner.mkdir()
    with mounted(os.fsencode(inner), "-t", "tmpfs", "none"):
        (inner / "8.png").write_bytes(picture(8))
        passes(service)
        before = kept(service)
        configure(service, root(service, 0))
        passes(service)
        assert shown(service) == {**FIRST, **dict.fromkeys(SECOND, "dropped"), "root1/inner/8.png": "dropped"}
        configure(service, root(service, 0), root(service, 1))
        passes(service)
        assert shown(service) == {**FIRST, **SECOND, "root1/inner/8.png": "ok"}
        assert kept(service) == before


def test_check_fix_follows_a_renamed_root(service: RunningService) -> None:
    before = kept(service)
    root(service, 0).rename(service.folder / "photos")
    configure(service, service.folder / "photos", root(service, 1))
    repair_catalog(service.config, service.findings())
    passes(service)
    assert shown(service) == {path.replace("root0", "photos"): "ok" for path in FIRST} | SECOND
    assert kept(service) == before

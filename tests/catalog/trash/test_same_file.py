"""Hard links, bind mounts, linked roots and snapshots: what `dups`, `trash`, `damage` and `--purge` say of one file."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from catalog.trash.plan import LABELLED_KEEP
from tests.support.mounts import mounted
from tests.support.report_service import current_report, flip_byte
from tests.support.running_service import picture
from tests.support.trash_service import TrashService

NO_COPY = "has no other copy: use --last-copy to give it up"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[TrashService]:
    made = TrashService(tmp_path, roots=2)
    yield made
    made.close()


def at(service: TrashService, name: str, root: int = 0) -> Path:
    path = Path(os.fsdecode(service.roots[root]), name)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def reads(service: TrashService) -> None:
    done = service.once()
    assert done.returncode == 0, done.stderr


def plan(service: TrashService, *paths: Path) -> str:
    return service.catalog("trash", "--dry-run", *paths).stderr


def refusals(service: TrashService, *paths: Path, option: str = "--yes") -> list[str]:
    return [line["refused"] for line in service.json_lines("trash", "--yes", option, *paths, code=1)]


# -- hard links


@pytest.fixture
def links(service: TrashService) -> list[Path]:
    """Return three names of one file, one of them in the same folder, all read."""
    paths = [at(service, name) for name in ("a/name.png", "a/second.png", "b/third.png")]
    paths[0].write_bytes(picture(1))
    for path in paths[1:]:
        path.hardlink_to(paths[0])
    reads(service)
    return paths


@pytest.mark.parametrize("label", [True, False])
def test_one_name_may_go_and_the_plan_says_so(service: TrashService, links: list[Path], label: bool) -> None:
    name, second, third = links
    if label:
        assert service.catalog("label", "keep", name).returncode == 0
    assert f"{name}  another name keeps the bytes: {third}" in plan(service, name)
    assert refusals(service, *links) == [f"{LABELLED_KEEP}" if label else NO_COPY] * 3
    assert [line["done"] for line in service.json_lines("trash", "--yes", name, second)] == [True, True]
    assert not name.exists() and not second.exists() and third.read_bytes() == picture(1)
    assert service.json_lines("trash", "--list")[0]["instead"] == str(third)
    assert refusals(service, third) == [LABELLED_KEEP if label else NO_COPY]


def test_a_name_is_purged_while_another_keeps_the_bytes(service: TrashService, links: list[Path]) -> None:
    assert all(line["done"] for line in service.json_lines("trash", "--yes", *links[:2]))
    (first, second) = service.json_lines("trash", "--purge", "--older-than", "0s", "--yes")
    assert first["done"] and second["done"] and service.entries() == {}
    assert links[2].read_bytes() == picture(1)


def test_a_name_is_not_purged_once_it_is_the_last_one(service: TrashService, links: list[Path]) -> None:
    assert all(line["done"] for line in service.json_lines("trash", "--yes", *links[:2]))
    links[2].unlink()
    lines = service.json_lines("trash", "--purge", "--older-than", "0s", "--yes", code=1)
    assert all("can no longer be verified" in line["refused"] for line in lines) and len(lines) == 2
    assert service.catalog("restore", "--all").returncode == 0 and links[0].read_bytes() == picture(1)


def test_the_act_refuses_where_the_other_name_is_gone_by_now(service: TrashService, links: list[Path]) -> None:
    for path in links[1:]:
        path.unlink()
        path.write_bytes(picture(2))
    assert refusals(service, links[0]) == ["has no other name any more, and no other copy"]
    assert links[0].exists()


def test_hard_links_free_nothing_and_a_copy_frees_its_bytes(service: TrashService, links: list[Path]) -> None:
    (group,) = service.json_lines("dups")
    assert (group["bytes_freed"], group["links"]) == (0, group["paths"][1:]) and len(group["paths"]) == 3
    assert current_report(service).sections["duplicates"].record["groups"] == 0
    shutil.copy(links[0], at(service, "copy.png"))
    reads(service)
    (group,) = service.json_lines("dups")
    assert group["bytes_freed"] == len(picture(1))
    assert len(group["links"]) == 2 and set(group["links"]) < set(map(str, links))
    assert service.catalog("dups").stdout.count("  link  ") == 2
    assert current_report(service).sections["duplicates"].record["copies"] == 1


# -- one file by several paths


def test_a_bind_mount_and_a_linked_root_show_the_same_file(service: TrashService, tmp_path: Path) -> None:
    real = at(service, "album/a.png")
    real.write_bytes(picture(1))
    shutil.rmtree(service.roots[1])
    os.symlink(service.roots[0], service.roots[1])
    view = at(service, "view/x").parent
    with mounted(os.fsencode(view), "--bind", os.fsencode(real.parent)):
        reads(service)
        paths = {line["path"] for line in service.json_lines("ls", "--state", "ok")}
        assert {str(real), str(view / "a.png"), str(at(service, "album/a.png", 1))} <= paths
        assert service.json_lines("dups") == []
        assert "no other copy (" in plan(service, real)
        (refused,) = refusals(service, real)
        assert refused.startswith(f"{NO_COPY} (") and refused.endswith(" is the same file under another name)")
        assert service.catalog("label", "keep", real).returncode == 0
        for path in (real, view / "a.png"):
            assert refusals(service, path, option="--last-copy")[0].startswith(LABELLED_KEEP)
        assert real.exists()


def test_a_read_only_snapshot_of_the_same_disk_is_no_copy(service: TrashService) -> None:
    """Whether it holds a hard link, as rsnapshot makes them, or another inode: it expires, and fails with the disk."""
    live, daily = at(service, "live/x").parent, at(service, "daily/x").parent
    with ExitStack() as mounts:
        mounts.enter_context(mounted(os.fsencode(live), "-t", "tmpfs", "none"))
        (live / "hidden").mkdir()
        for name in ("hidden/copy.png", "one.png", "two.png"):
            (live / name).write_bytes(picture(1 if name != "two.png" else 2))
        (live / "hidden/link.png").hardlink_to(live / "two.png")
        mounts.enter_context(mounted(os.fsencode(daily), "--bind", os.fsencode(live / "hidden")))
        subprocess.run(["mount", "-o", "remount,ro,bind", daily], check=True)
        mounts.enter_context(mounted(os.fsencode(live / "hidden"), "-t", "tmpfs", "-o", "mode=0", "none"))
        reads(service)
        groups = service.json_lines("dups")
        assert {group["keep"] for group in groups} == {str(live / "one.png"), str(live / "two.png")}
        for path, copy in ((live / "one.png", "copy.png"), (live / "two.png", "link.png")):
            note = f" ({daily / copy} is in a read-only snapshot of the same disk)"
            assert f"no other copy{note}" in plan(service, path)
            assert refusals(service, path) == [NO_COPY + note]
            assert service.catalog("label", "keep", path).returncode == 0
            assert refusals(service, path, option="--last-copy") == [LABELLED_KEEP + note]
        done = service.catalog("trash", "--yes", "--survivor", daily / "copy.png", live / "two.png")
        assert done.returncode == 2 and "is in a read-only snapshot of the same disk" in done.stderr


def test_files_that_are_no_images_are_no_duplicates(service: TrashService) -> None:
    for folder in ("a", "b"):
        at(service, f"{folder}/.nomedia").write_bytes(b"")
        at(service, f"{folder}/notes.txt").write_text("The same words.\n")
        at(service, f"{folder}/page.jpg").write_text("<!DOCTYPE html><html><body>Not found</body></html>")
        at(service, f"{folder}/cut.png").write_bytes(picture(2)[:-30])
        at(service, f"{folder}/a.png").write_bytes(picture(1))
    reads(service)
    assert sorted(Path(line["keep"]).name for line in service.json_lines("dups")) == ["a.png", "cut.png"]
    assert current_report(service).sections["duplicates"].record["groups"] == 2


def test_damage_names_no_second_path_to_the_damaged_file_as_intact(service: TrashService) -> None:
    """Neither the hard link nor the bind mount, whichever of them the scrub has read."""
    real, link, copy = at(service, "album/a.png"), at(service, "album/link.png"), at(service, "copy.png")
    real.write_bytes(picture(1))
    link.hardlink_to(real)
    shutil.copy(real, copy)
    view = at(service, "view/x", 1).parent
    with mounted(os.fsencode(view), "--bind", os.fsencode(real.parent)):
        reads(service)
        flip_byte(service, "album/a.png")
        damaged = service.json_lines("damage", code=1)
        assert str(real) in {line["path"] for line in damaged}
        assert {tuple(line["copies"]) for line in damaged} == {(str(copy),)}

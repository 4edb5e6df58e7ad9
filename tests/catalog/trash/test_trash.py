"""`catalog trash` and `catalog restore` on files that a real pass has read."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from catalog.journal import read
from tests.support.running_service import picture
from tests.support.trash_service import Room, TrashService, on_terminal
from tests.support.waiting import wait_until

USAGE = 2


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrashService]:
    made = TrashService(tmp_path_factory.mktemp("trash"), rooms=40)
    assert made.once().returncode == 0, made.tail()
    yield made
    made.close()


@pytest.fixture
def room(service: TrashService) -> Iterator[Room]:
    """A room that no other test has used. Afterwards the trash is emptied."""
    yield service.rooms.pop()
    service.catalog("restore", "--all")
    service.catalog("trash", "--purge", "--older-than", "0s", "--yes", "--last-copy")


# -- move and restore


def test_a_copy_is_trashed_as_specified_and_restored_unchanged(service: TrashService, room: Room) -> None:
    before = room.at("copy.png").stat()
    (line,) = service.json_lines("trash", "--yes", room.at("copy.png"))
    assert line["path"] == str(room.at("copy.png")) and line["done"] and line["refused"] is None
    assert (line["bytes"], line["to"]) == (before.st_size, str(service.trash / "files" / "copy.png"))
    assert Path(line["to"]).stat().st_ino == before.st_ino
    first, *rest = (service.trash / "info" / "copy.png.trashinfo").read_bytes().splitlines()
    fields = dict(line.split(b"=", 1) for line in rest)
    assert first == b"[Trash Info]"
    assert unquote_to_bytes(fields[b"Path"]) == os.fsencode(room.at("copy.png"))
    assert re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", fields[b"DeletionDate"])
    assert [oct(path.stat().st_mode & 0o777) for path in (service.trash, *service.trash.iterdir())] == ["0o700"] * 3
    assert room.states()["copy.png"] == "gone" and room.states()["one.png"] == "ok"
    done = service.catalog("restore", room.at("copy.png"))
    assert done.returncode == 0, done.stderr
    after = room.at("copy.png").stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_size) == (before.st_ino, before.st_mtime_ns, before.st_size)
    assert service.entries() == {}
    assert service.once().returncode == 0
    assert room.states()["copy.png"] == "ok" and service.findings() == []


def test_a_trashed_file_keeps_its_label_and_vector(service: TrashService, room: Room) -> None:
    assert service.catalog("label", "delete", room.at("alone.png")).returncode == 0
    sha256 = next(sha for path, (_, sha, _) in service.states().items() if path == os.fsencode(room.at("alone.png")))
    live = "SELECT live FROM vector v JOIN content c ON c.id = v.content WHERE c.sha256 = ?"
    assert service.rows(live, sha256) == [(1,)]
    assert service.catalog("trash", "--yes", "--last-copy", room.at("alone.png")).returncode == 0
    assert service.rows(live, sha256) == [(0,)]
    assert service.rows("SELECT value FROM label l JOIN content c ON c.id = content WHERE sha256 = ?", sha256) == [
        ("delete",)
    ]
    kinds = [row[0] for row in service.rows("SELECT kind FROM event WHERE path = ?", os.fsencode(room.at("alone.png")))]
    assert kinds == ["trashed"]
    vectors = service.vectors()
    assert service.catalog("restore", "--last").returncode == 0
    done = service.once()
    assert done.returncode == 0 and service.vectors() == vectors
    assert service.rows(live, sha256) == [(1,)]


def test_a_rejected_image_can_be_trashed(service: TrashService, room: Room) -> None:
    assert room.states()["bad.png"] == "rejected"
    assert service.json_lines("trash", "--yes", "--last-copy", room.at("bad.png"))[0]["done"]
    assert service.catalog("restore", "--last").returncode == 0
    assert room.at("bad.png").exists()


def test_lists_on_stdin_may_contain_any_name(service: TrashService, room: Room) -> None:
    hostile = os.fsencode(room.folder) + b"/new\nline \xff\x1b[31m.png"
    with open(hostile, "wb") as file:
        file.write(picture(77))
    assert service.once().returncode == 0
    listed = hostile + b"\0" + os.fsencode(room.at("one.png")) + b"\0"
    lines = service.json_lines("trash", "-0", "-", "--yes", "--last-copy", stdin=listed)
    assert [os.fsencode(line["path"]) for line in lines] == [hostile, os.fsencode(room.at("one.png"))]
    assert all(line["done"] for line in lines)
    info = Path(os.fsdecode(b"%s/info/%s.trashinfo" % (os.fsencode(service.trash), os.path.basename(hostile))))
    assert unquote_to_bytes(info.read_bytes().splitlines()[1]) == b"Path=" + hostile
    shown = service.catalog("trash", "--list").stdout
    assert "new\\nline \\xff\\x1b[31m.png" in shown and "\x1b" not in shown
    listed = b"".join(os.fsencode(line["path"]) + b"\0" for line in service.json_lines("trash", "--list"))
    assert listed == hostile + b"\0" + os.fsencode(room.at("one.png")) + b"\0"
    assert service.catalog("restore", hostile).returncode == 0
    assert os.path.exists(hostile)


# -- the question


def test_without_a_terminal_nothing_is_moved(service: TrashService, room: Room) -> None:
    for words in ([room.at("one.png")], ["-"]):
        done = service.catalog("trash", *words, stdin=os.fsencode(room.at("one.png")))
        assert done.returncode == USAGE and "cannot ask for confirmation without a terminal" in done.stderr
        assert "copy kept: " + str(room.at("copy.png")) in done.stderr, "the plan is shown all the same"
    assert len(room.left) == 6


@pytest.mark.parametrize(("answer", "left"), [(b"n", 6), (b"", 6), (b"y", 5)])
def test_the_plan_is_shown_and_the_question_counts_last_copies(
    service: TrashService, room: Room, answer: bytes, left: int
) -> None:
    code, said = on_terminal(service, "trash", room.at("alone.png"), answer=answer)
    assert code == 0, said
    assert "no other copy" in said and "1 of 1 has no other copy. Move all of them to the trash? [y/N]" in said
    assert len(room.left) == left


def test_with_a_list_on_stdin_the_question_is_asked_at_the_terminal(service: TrashService, room: Room) -> None:
    listed = os.fsencode(room.at("alone.png")) + b"\n"
    code, said = on_terminal(service, "trash", "-", answer=b"y", stdin=listed)
    assert code == 0, said
    assert "alone.png" not in room.left


def test_a_dry_run_moves_nothing(service: TrashService, room: Room) -> None:
    lines = service.json_lines("trash", "--dry-run", room.at("one.png"), room.at("alone.png"), room.folder, code=1)
    assert [(Path(line["path"]).name, line["done"], bool(line["refused"])) for line in lines] == [
        (room.folder.name, False, True),
        ("one.png", False, False),
        ("alone.png", False, False),
    ]
    assert len(room.left) == 6 and not [one for one in read(service.state) if room.folder.name in str(one.get("path"))]


# -- last copies


def test_last_copies_are_moved_only_with_the_option(service: TrashService, room: Room) -> None:
    named = [room.at(name) for name in ("one.png", "copy.png", "alone.png", "name.png", "hard.png")]
    lines = service.json_lines("trash", "--yes", *named, code=1)
    assert {line["refused"] for line in lines} == {"has no other copy: use --last-copy to give it up"}
    assert len(room.left) == 6, "of two copies that both go, none is a copy, nor of two hard links"
    lines = service.json_lines("trash", "--yes", room.at("one.png"), room.at("alone.png"), code=1)
    assert [(Path(line["path"]).name, line["done"]) for line in lines] == [("alone.png", False), ("one.png", True)]
    assert service.catalog("trash", "--yes", "--last-copy", room.at("copy.png"), room.at("alone.png")).returncode == 0
    assert room.left == ["bad.png", "hard.png", "name.png"]


def test_the_last_copy_of_a_file_labelled_keep_is_never_moved(service: TrashService, room: Room) -> None:
    assert service.catalog("label", "keep", room.at("one.png"), room.at("alone.png")).returncode == 0
    named = [room.at(name) for name in ("one.png", "copy.png", "alone.png")]
    lines = service.json_lines("trash", "--yes", "--last-copy", "--survivor", room.at("name.png"), *named, code=1)
    assert {line["refused"] for line in lines} == {"is labelled keep, and has no other copy"}
    assert service.json_lines("trash", "--yes", room.at("copy.png"))[0]["done"]
    (line,) = service.json_lines("trash", "--yes", "--last-copy", room.at("one.png"), code=1)
    assert line["refused"] == "is labelled keep, and has no other copy"
    assert "one.png" in room.left


def corrupt(path: Path) -> None:
    """Change a byte, but neither size nor mtime."""
    before, data = path.stat(), bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_an_unverified_copy_does_not_count(service: TrashService, room: Room) -> None:
    corrupt(room.at("copy.png"))
    (line,) = service.json_lines("trash", "--yes", "--last-copy", room.at("one.png"), code=1)
    assert line["refused"] == f"the copy to keep is not verified: {room.at('copy.png')} changed since it was read"
    room.at("copy.png").unlink()
    (line,) = service.json_lines("trash", "--yes", room.at("one.png"), code=1)
    assert line["refused"] == f"the copy to keep is not verified: {room.at('copy.png')} does not exist"
    os.link(room.at("one.png"), room.at("copy.png"))  # as a tool that saves space would
    (line,) = service.json_lines("trash", "--yes", room.at("one.png"), code=1)
    assert "is the same file under another name" in line["refused"]
    assert room.at("one.png").exists()


def test_a_survivor_is_verified(service: TrashService, room: Room) -> None:
    (line,) = service.json_lines("trash", "--yes", "--survivor", room.at("name.png"), room.at("alone.png"))
    assert line["done"]
    assert service.json_lines("trash", "--list")[-1]["instead"] == str(room.at("name.png"))
    (line,) = service.json_lines("trash", "--yes", "--survivor", room.at("name.png"), room.at("hard.png"), code=1)
    assert "is the same file under another name" in line["refused"]
    for wrong in ("bad.png", "one.png", "nothing.png"):
        done = service.catalog("trash", "--yes", "--survivor", room.at(wrong), room.at("one.png"))
        assert done.returncode == USAGE and "nothing was moved" in done.stderr, wrong
    corrupt(room.at("copy.png"))
    (line,) = service.json_lines("trash", "--yes", "--survivor", room.at("copy.png"), room.at("bad.png"), code=1)
    assert "changed since it was read" in line["refused"]


# -- changed files


def test_a_file_that_changed_since_it_was_read_is_refused(service: TrashService, room: Room) -> None:
    corrupt(room.at("one.png"))
    room.at("alone.png").write_bytes(picture(4242) + b"longer")
    lines = service.json_lines("trash", "--yes", "--last-copy", room.at("one.png"), room.at("alone.png"), code=1)
    assert {line["refused"] for line in lines} == {"changed since it was read"}
    assert len(room.left) == 6 and service.entries() == {}


def test_a_touched_file_can_be_trashed(service: TrashService, room: Room) -> None:
    os.utime(room.at("one.png"))
    assert service.json_lines("trash", "--yes", room.at("one.png"))[0]["done"]


def test_each_path_that_is_not_a_catalogued_file_is_refused_with_a_reason(service: TrashService, room: Room) -> None:
    (room.folder / "new.png").write_bytes(picture(5))
    (room.folder / "link.png").symlink_to(room.at("one.png"))
    (room.folder.parent / f"{room.folder.name} linked").symlink_to(room.folder)
    outside = service.folder / "outside.png"
    outside.write_bytes(picture(6))
    wanted = {
        room.folder: "is a directory: name the files in it",
        room.at("new.png"): "is not in the catalog",
        room.at("link.png"): "is a symbolic link",
        room.at("nothing.png"): "does not exist",
        outside: "is not in the catalog",
        room.folder.parent / f"{room.folder.name} linked" / "one.png": "is not in the catalog",
    }
    lines = service.json_lines("trash", "--yes", "--last-copy", *wanted, room.at("one.png"), code=1)
    assert {Path(line["path"]): line["refused"] for line in lines} == {**wanted, room.at("one.png"): None}
    assert "one.png" not in room.left and outside.exists()


def test_a_file_in_a_directory_that_became_a_symlink_is_refused(service: TrashService, room: Room) -> None:
    moved = service.folder / f"away {room.folder.name}"
    room.folder.rename(moved)
    room.folder.symlink_to(moved)
    (line,) = service.json_lines("trash", "--yes", room.at("one.png"), code=1)
    assert line["refused"] == "is reached through a symbolic link"
    room.folder.unlink()
    moved.rename(room.folder)


def test_changes_during_the_question_are_noticed(service: TrashService, room: Room) -> None:
    """One file vanishes, one is rewritten, one loses its copy: only the others are moved."""
    names = ("alone.png", "bad.png", "one.png", "hard.png", "name.png")

    def meanwhile() -> None:
        room.at("alone.png").unlink()
        corrupt(room.at("bad.png"))
        assert service.catalog("trash", "--yes", "--last-copy", room.at("copy.png")).returncode == 0

    service.catalog("trash", "--yes", room.at("nothing.png"))
    code, said = on_terminal(service, "trash", *map(room.at, names), answer=b"y", meanwhile=meanwhile)
    said = " ".join(said.split())
    assert code == 1
    assert "alone.png does not exist" in said
    assert "bad.png changed since it was read" in said
    assert "one.png has lost its other copies since the plan was made" in said
    assert room.left == ["bad.png", "one.png"], said


def test_an_image_that_was_replaced_and_read_during_the_question_is_refused(service: TrashService, room: Room) -> None:
    """The catalog has read the new bytes, so the file matches its row."""
    listed = "".join(json.dumps(line) + "\n" for line in service.json_lines("ls", room.folder)).encode()

    def meanwhile() -> None:
        room.at("alone.png").write_bytes(picture(808))
        assert service.once().returncode == 0

    code, said = on_terminal(service, "trash", room.at("alone.png"), answer=b"y", meanwhile=meanwhile)
    assert code == 1 and "has other content than when it was listed" in " ".join(said.split())
    lines = service.json_lines("trash", "-", "--yes", "--last-copy", stdin=listed, code=1)
    assert {Path(line["path"]).name for line in lines if not line["done"]} == {"alone.png"}
    assert room.left == ["alone.png"]


# -- many files


def test_clashing_names_are_numbered_and_other_programs_entries_are_untouched(
    service: TrashService, room: Room
) -> None:
    for part in ("files", "info"):
        (service.trash / part).mkdir(parents=True, exist_ok=True)
    (service.trash / "files" / "alone.png").write_bytes(b"an orphan of another program")
    (service.trash / "info" / "alone.2.png.trashinfo").write_bytes(b"[Trash Info]\nPath=/a\n")
    long = room.at("x" * 250 + ".png")
    long.write_bytes(picture(9))
    (room.folder / "sub").mkdir()
    (room.folder / "sub" / "alone.png").write_bytes(picture(10))
    assert service.once().returncode == 0
    named = [room.at("alone.png"), room.at("sub/alone.png"), long]
    lines = service.json_lines("trash", "--yes", "--last-copy", *named)
    names = [Path(line["to"]).name for line in lines]
    assert names[:2] == ["alone.3.png", "alone.4.png"] and len(names[2]) == 245
    assert (service.trash / "files" / "alone.png").read_bytes() == b"an orphan of another program"
    assert service.catalog("restore", "--last").returncode == 0
    assert all(path.exists() for path in named)
    assert service.entries() == {"alone.png": "files", "alone.2.png": "info"}
    (service.trash / "files" / "alone.png").unlink()
    (service.trash / "info" / "alone.2.png.trashinfo").unlink()


def test_concurrent_commands_move_each_file_once_and_leave_a_copy(service: TrashService, room: Room) -> None:
    many = [room.folder / f"many {number}.png" for number in range(12)]
    for number, path in enumerate(many):
        path.write_bytes(picture(5000 + number))
    assert service.once().returncode == 0

    def begin(*arguments: str | Path) -> "subprocess.Popen[bytes]":
        command = service.command("trash", "--yes", "--json", *arguments)
        return subprocess.Popen(command, env=service.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    pair = [begin("--last-copy", *many), begin("--last-copy", *reversed(many))]
    pair += [begin(room.at("one.png")), begin(room.at("copy.png"))]
    said = [one.communicate(timeout=100)[0] for one in pair]
    assert sorted(one.returncode for one in pair)[:2] == [0, 0]
    done = [line for out in said for line in map(json.loads, out.splitlines()) if line["done"]]
    assert sorted(line["path"] for line in done if "many" in line["path"]) == sorted(map(str, many))
    assert len({line["to"] for line in done}) == len(done) == 13
    assert len({"one.png", "copy.png"} & set(room.left)) == 1
    assert service.catalog("restore", "--all").returncode == 0
    assert all(path.exists() for path in (*many, room.at("one.png"), room.at("copy.png")))


# -- restore


def test_restore_does_not_replace_an_existing_file(service: TrashService, room: Room) -> None:
    assert service.catalog("trash", "--yes", "--last-copy", room.at("alone.png")).returncode == 0
    room.at("alone.png").write_bytes(b"new")
    (line,) = service.json_lines("restore", room.at("alone.png"), code=1)
    assert line["refused"] == "another file is at its path now: name a folder with --to" and not line["done"]
    assert room.at("alone.png").read_bytes() == b"new" and service.entries() == {"alone.png": "whole"}
    place = service.folder / f"elsewhere {room.folder.name}"
    assert service.catalog("restore", "--last", "--to", place).returncode == USAGE
    place.mkdir()
    (line,) = service.json_lines("restore", "--last", "--to", place)
    assert line["to"] == str(place / "alone.png") and (place / "alone.png").read_bytes() != b"new"
    assert service.entries() == {}


def test_restore_recreates_missing_directories(service: TrashService, room: Room) -> None:
    deep = room.folder / "a" / "b" / "deep.png"
    deep.parent.mkdir(parents=True)
    deep.write_bytes(picture(11))
    assert service.once().returncode == 0
    assert service.catalog("trash", "--yes", "--last-copy", deep).returncode == 0
    deep.parent.rmdir()
    deep.parent.parent.rmdir()
    assert service.json_lines("restore", room.folder)[0]["done"], "by the folder above it"
    assert deep.read_bytes() == picture(11)


def test_of_two_files_from_one_path_the_later_is_restored(service: TrashService, room: Room) -> None:
    path = room.at("alone.png")
    first = path.read_bytes()
    assert service.catalog("trash", "--yes", "--last-copy", path).returncode == 0
    path.write_bytes(picture(12))
    assert service.once().returncode == 0
    assert service.catalog("trash", "--yes", "--last-copy", path).returncode == 0
    assert service.catalog("restore", path).returncode == 0
    assert path.read_bytes() == picture(12)
    path.unlink()
    assert service.catalog("restore", path).returncode == 0
    assert path.read_bytes() == first
    assert service.catalog("restore", path).returncode == USAGE


def test_a_file_that_changed_in_the_trash_is_restored_with_a_warning(service: TrashService, room: Room) -> None:
    assert service.catalog("trash", "--yes", "--last-copy", room.at("alone.png")).returncode == 0
    corrupt(service.trash / "files" / "alone.png")
    (line,) = service.json_lines("trash", "--purge", "--older-than", "0s", "--yes", code=1)
    assert line["refused"] == "has other bytes than were moved there"
    (line,) = service.json_lines("restore", "--last", code=1)
    assert line["done"] and line["warning"] == "its bytes differ from those that were moved to the trash"
    assert room.at("alone.png").exists()


def test_a_restore_without_matching_files_says_so(service: TrashService, room: Room) -> None:
    assert service.catalog("restore").returncode == USAGE
    assert service.catalog("restore", "--last", "--all").returncode == USAGE
    assert "no file from" in service.catalog("restore", room.at("one.png")).stderr
    assert service.json_lines("restore", "--last") == service.json_lines("restore", "--all") == []


# -- purge


def test_purge_deletes_only_what_our_journal_put_there(service: TrashService, room: Room) -> None:
    assert service.catalog("trash", "--yes", "--last-copy", room.at("alone.png"), room.at("bad.png")).returncode == 0
    (service.trash / "files" / "theirs.png").write_bytes(b"of a file manager")
    (service.trash / "info" / "theirs.png.trashinfo").write_bytes(b"[Trash Info]\nPath=/theirs.png\n")
    info = service.trash / "info" / "bad.png.trashinfo"  # somebody restored ours and put another into its place
    info.write_bytes(b"[Trash Info]\nPath=/bad.png\nDeletionDate=2020-01-01T00:00:00\n")
    assert service.json_lines("trash", "--purge", "--yes") == [], "they are younger than thirty days"
    assert service.catalog("trash", "--purge", "--older-than", "0s").returncode == USAGE
    lines = service.json_lines("trash", "--purge", "--older-than", "0s", "--yes", code=1)
    assert {Path(line["path"]).name: line["refused"] for line in lines} == {
        "alone.png": None,
        "bad.png": "is no longer ours: its info file is missing or another program's",
    }
    assert service.entries() == {"bad.png": "whole", "theirs.png": "whole"}
    for name in service.entries():
        (service.trash / "files" / name).unlink()
        (service.trash / "info" / f"{name}.trashinfo").unlink()


def test_files_emptied_by_another_program_are_recorded_as_gone(service: TrashService, room: Room) -> None:
    assert service.catalog("trash", "--yes", "--last-copy", room.at("alone.png"), room.at("bad.png")).returncode == 0
    (service.trash / "files" / "alone.png").unlink()
    (service.trash / "info" / "alone.png.trashinfo").unlink()
    (service.trash / "files" / "bad.png").rename(room.at("bad.png"))  # and the info file forgotten
    assert service.json_lines("trash", "--list") == []
    assert service.entries() == {}
    assert service.json_lines("trash", "--purge", "--older-than", "0s", "--yes") == []


def test_a_purge_asks_for_confirmation(service: TrashService, room: Room) -> None:
    assert service.catalog("trash", "--yes", "--last-copy", room.at("alone.png")).returncode == 0
    words = ("trash", "--purge", "--older-than", "0s")
    code, said = on_terminal(service, *words, answer=b"n")
    assert code == 0 and "to be deleted permanently: 1 file, 2" in said and service.entries() == {"alone.png": "whole"}
    code, said = on_terminal(service, *words, answer=b"y")
    assert code == 0 and service.entries() == {}
    assert [row[0] for row in service.rows("SELECT kind FROM event WHERE path = ?", os.fsencode(room.at("alone.png")))][
        -1
    ] == "purged"


def test_a_file_whose_kept_copy_is_lost_is_not_deleted(service: TrashService, room: Room) -> None:
    assert service.catalog("label", "keep", room.at("one.png")).returncode == 0
    assert service.catalog("trash", "--yes", room.at("one.png")).returncode == 0
    room.at("copy.png").unlink()
    words = ("trash", "--purge", "--older-than", "0s", "--yes")
    (line,) = service.json_lines(*words, "--last-copy", code=1)
    assert line["refused"].startswith("is labelled keep")
    assert service.catalog("label", "clear", room.at("copy.png")).returncode == 0
    (line,) = service.json_lines(*words, code=1)
    assert line["refused"].startswith("the copy kept instead of it can no longer be verified")
    assert service.entries() == {"one.png": "whole"}
    assert service.json_lines(*words, "--last-copy")[0]["done"]


# -- with the service


def test_the_service_notices_move_and_restore(service: TrashService, room: Room) -> None:
    service.start()
    try:
        assert wait_until(lambda: not service.busy())
        named = [room.at("one.png"), room.at("alone.png"), room.at("bad.png")]
        assert service.catalog("trash", "--yes", "--last-copy", *named).returncode == 0
        assert wait_until(lambda: not service.busy())
        assert [room.states()[path.name] for path in named] == ["gone"] * 3
        assert service.findings() == []
        assert service.catalog("restore", "--last").returncode == 0
        assert wait_until(lambda: room.states()["bad.png"] == "rejected" and not service.busy()), room.states()
        assert [room.states()[path.name] for path in named] == ["ok", "ok", "rejected"]
        assert wait_until(lambda: not service.findings())
    finally:
        assert service.stop() == 0


def test_trashing_most_of_a_root_does_not_hold_its_volume(tmp_path: Path) -> None:
    """A scan that finds most of a volume missing holds it, but trashed files are not missing."""
    service = TrashService(tmp_path)
    paths = [service.path(f"{number}.png") for number in range(60)]
    for number, path in enumerate(paths):
        path.write_bytes(picture(number))
    assert service.once().returncode == 0
    assert service.catalog("trash", "--yes", "--last-copy", *paths[:55]).returncode == 0
    assert service.once().returncode == 0, service.tail()
    assert [state for state, *_ in service.states().values()].count("gone") == 55
    assert service.findings() == []

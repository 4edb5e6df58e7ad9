"""The journal is no reason to touch anything: whoever can write it cannot have an original deleted, moved or replaced.

Each forgery is read by every command that acts on the journal; then all that lay outside of a trash is compared.
"""

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from catalog.cli.main import cli
from catalog.errors import CatalogError
from catalog.formatting import path_text
from catalog.journal import JournalEntry, read
from catalog.trash.folder import open_trash
from catalog.trash.info_file import info_text, write_info
from catalog.trash.outcome import Refusal
from catalog.trash.purge import _require_unchanged
from catalog.trash.records import RecordState, Survivor, TrashRecord, begin_entry, records_from_journal, step_entry
from catalog.trash.survivors import SurvivorVerifier
from tests.support.mounts import mounted
from tests.support.running_service import picture
from tests.support.trash_service import TrashHouse

LIST = ("trash", "--list")
PURGE = ("trash", "--purge", "--older-than", "0s", "--yes", "--last-copy")
Seen = dict[str, tuple[int, int, bytes]]


@dataclass
class Scene:
    """A folder of a root with two originals, `a` and `b`; a folder outside of all roots; and the home trash."""

    house: TrashHouse
    room: Path
    outside: Path

    @property
    def a(self) -> Path:
        return self.room / "album" / "a.png"

    @property
    def b(self) -> Path:
        return self.room / "album" / "b.png"

    @property
    def trash(self) -> Path:
        return self.house.trash

    def deed(self, path: Path | str, to: Path | str, of: Path | None = None, id: str = "f0-1") -> TrashRecord:
        """As its author would have it: the hash is that of `of`."""
        data = (of or self.a).read_bytes()
        told = os.fsencode(path)
        return TrashRecord(id, 1.0, told, hashlib.sha256(data).digest(), len(data), os.fsencode(to), told, None)

    def forge(self, *lines: JournalEntry) -> None:
        with (self.house.state / "journal.jsonl").open("ab") as file:
            file.writelines(json.dumps(line).encode() + b"\n" for line in lines)

    def forge_state(self, deed: TrashRecord, state: RecordState) -> None:
        """Lines that bring a deed to a state."""
        words = {
            RecordState.TRASHED: [],
            RecordState.RESTORING: [("restore", "begin")],
            RecordState.PURGING: [("purge", "begin")],
        }
        more = [] if state is RecordState.TRASHING else [("trash", "done"), *words[state]]
        self.forge(begin_entry(deed), *(step_entry(deed, kind, word, 2.0) for kind, word in more))

    def originals(self) -> Seen:
        """Everything outside of the trash, by path: its kind, its inode, its bytes or where it leads."""
        found: Seen = {}
        for top in (self.house.folder / "root0", self.outside):
            for folder, folders, names in os.walk(top):
                for name in (*folders, *names):
                    path = Path(folder, name)
                    if ".Trash-0" not in path.parts:
                        found[str(path)] = seen(path)
        return found

    def run_all(self) -> str:
        """Every command that acts on the journal; what they said."""
        elsewhere = self.house.folder / "to"
        elsewhere.mkdir(exist_ok=True)
        commands = (LIST, PURGE, ("restore", "--all"), ("restore", f"{self.room}", "--to", f"{elsewhere}"))
        return "".join(map(self.say, commands))

    def say(self, words: tuple[str, ...]) -> str:
        """What a command tells on stderr. In this process, which is ten times as fast."""
        runner = CliRunner(env={"XDG_DATA_HOME": str(self.house.data)})
        result = runner.invoke(cli, ["--config", str(self.house.config_path), *words])
        assert result.exception is None or isinstance(result.exception, CatalogError | SystemExit), result.exception
        return result.stderr


def seen(path: Path) -> tuple[int, int, bytes]:
    found = path.lstat()
    data = path.read_bytes() if stat.S_ISREG(found.st_mode) else b""
    return stat.S_IFMT(found.st_mode), found.st_ino, os.fsencode(path.readlink()) if path.is_symlink() else data


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrashHouse]:
    made = TrashHouse(tmp_path_factory.mktemp("forged"))
    for part in ("files", "info"):
        (made.trash / part).mkdir(parents=True, mode=0o700)
    assert made.once().returncode == 0
    yield made
    made.close()


@pytest.fixture
def scene(house: TrashHouse, request: pytest.FixtureRequest) -> Iterator[Scene]:
    name = f"room {abs(hash(request.node.name))}"
    room, outside = Path(os.fsdecode(house.root), name), house.folder / f"outside {name}"
    (room / "album").mkdir(parents=True)
    outside.mkdir()
    made = Scene(house, room, outside)
    for number, path in enumerate((made.a, made.b, outside / "c.png")):
        path.write_bytes(picture(number))
    yield made
    (house.state / "journal.jsonl").unlink(missing_ok=True)
    for part in ("files", "info"):
        for path in (house.trash / part).iterdir():
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def refused(scene: Scene, word: str) -> None:
    """All commands run, nothing outside a trash changed, and its owner was told what to do."""
    before = scene.originals()
    said = scene.run_all()
    assert scene.originals() == before
    assert f" {word}" in said, said
    assert "from journal.jsonl" in said, said


# -- two paths of one name


def through_a_linked_folder(scene: Scene) -> tuple[Path, Path]:
    (scene.room / "link").symlink_to("album")
    return scene.a, scene.room / "link" / "a.png"


def in_a_linked_trash(scene: Scene) -> tuple[Path, Path]:
    (scene.room / "files").symlink_to("album")
    (scene.room / ".Trash-0").symlink_to(".")
    return scene.a, scene.room / ".Trash-0" / "files" / "a.png"


def in_linked_files_of_a_trash(scene: Scene) -> tuple[Path, Path]:
    (scene.room / ".Trash-0").mkdir()
    (scene.room / ".Trash-0" / "files").symlink_to(scene.room / "album")
    return scene.a, scene.room / ".Trash-0" / "files" / "a.png"


def below_a_linked_folder(scene: Scene) -> tuple[Path, Path]:
    (scene.room / ".Trash-0").mkdir()
    (scene.room / ".Trash-0" / "files").mkdir()
    os.link(scene.a, scene.room / ".Trash-0" / "files" / "a.png")
    (scene.room / "here").symlink_to(".")
    return scene.a, scene.room / "here" / ".Trash-0" / "files" / "a.png"


def by_dots(scene: Scene) -> tuple[Path, str]:
    (scene.room / ".Trash-0" / "files").mkdir(parents=True)
    os.link(scene.a, scene.room / ".Trash-0" / "files" / "a.png")
    return scene.a, f"{scene.room}/.Trash-0/../album/../.Trash-0/files/a.png"


def a_second_name_of_an_original(scene: Scene) -> tuple[Path, Path]:
    os.link(scene.a, scene.room / "second name.png")
    return scene.a, scene.room / "second name.png"


def in_what_looks_like_a_trash(scene: Scene) -> tuple[Path, Path]:
    for part in ("files", "info"):
        (scene.room / "Trash" / part).mkdir(parents=True)
    (scene.room / "Trash" / "files" / "a.png").hardlink_to(scene.a)
    (scene.room / "Trash" / "info" / "a.png.trashinfo").touch()
    return scene.a, scene.room / "Trash" / "files" / "a.png"


def itself(scene: Scene) -> tuple[Path, Path]:
    return scene.a, scene.a


PATHS = {
    through_a_linked_folder: "is not in a trash",
    in_a_linked_trash: "is reached through a symbolic link",
    in_linked_files_of_a_trash: "is reached through a symbolic link",
    below_a_linked_folder: "is reached through a symbolic link",
    by_dots: "is reached through a symbolic link, or through something that is not a directory",
    a_second_name_of_an_original: "is not in a trash",
    in_what_looks_like_a_trash: "is not in a trash",
    itself: "is not in a trash",
}


@pytest.mark.parametrize(
    "state", [RecordState.TRASHING, RecordState.RESTORING, RecordState.PURGING, RecordState.TRASHED]
)
@pytest.mark.parametrize("lie", PATHS, ids=lambda lie: lie.__name__)
def test_two_paths_are_no_two_names(
    scene: Scene, lie: Callable[[Scene], tuple[Path, Path]], state: RecordState
) -> None:
    path, to = lie(scene)
    scene.forge_state(scene.deed(path, to), state)
    refused(scene, PATHS[lie])


@pytest.mark.parametrize("state", [RecordState.TRASHING, RecordState.RESTORING])
def test_a_folder_that_is_mounted_twice_has_one_name(scene: Scene, state: RecordState) -> None:
    files = scene.trash / "files"
    with mounted(os.fsencode(files), "--bind", os.fsencode(scene.room / "album")):
        scene.forge_state(scene.deed(scene.a, files / "a.png"), state)
        refused(scene, "is the only name of the file that it was moved from")


def test_the_entry_of_another_program_is_not_ended_as_a_second_name(scene: Scene) -> None:
    theirs = scene.trash / "files" / "theirs.png"
    theirs.hardlink_to(scene.a)
    (scene.trash / "info" / "theirs.png.trashinfo").write_bytes(b"[Trash Info]\nPath=/theirs.png\n")
    scene.forge_state(scene.deed(scene.a, theirs), RecordState.TRASHING)
    scene.run_all()
    assert theirs.exists() and scene.a.exists()


def test_a_true_second_name_is_still_ended(scene: Scene) -> None:
    """What a kill between link and unlink leaves, on a filesystem without exclusive rename."""
    deed = scene.deed(scene.a, scene.trash / "files" / "a.png")
    write_info(deed.info_path, deed.info_text)
    os.link(deed.path, deed.trash_path)
    scene.forge_state(deed, RecordState.TRASHING)
    assert "recovered" in scene.say(LIST)
    assert scene.a.stat().st_nlink == 1 and scene.house.entries() == {}


# -- purge


def test_an_empty_info_file_proves_nothing(scene: Scene) -> None:
    for top in (scene.room, scene.trash):
        for part in ("files", "info"):
            (top / part).mkdir(exist_ok=True)
        (top / "files" / "a.png").write_bytes(scene.a.read_bytes())
        (top / "info" / "a.png.trashinfo").touch()
    scene.forge_state(scene.deed(scene.a, scene.room / "files" / "a.png", id="f0-1"), RecordState.TRASHED)
    scene.forge_state(scene.deed(scene.a, scene.trash / "files" / "a.png", id="f0-2"), RecordState.TRASHED)
    before = scene.originals()
    lines = scene.house.lines(*PURGE, code=1)
    assert "is not in a trash" in lines[0]["refused"]
    assert lines[1]["refused"] == "is no longer ours: its info file is missing or another program's"
    assert scene.originals() == before and (scene.trash / "files" / "a.png").exists()
    refused(scene, "is not in a trash")


def test_an_info_file_of_another_deed_or_place_proves_nothing(scene: Scene) -> None:
    place = scene.trash / "files" / "a.png"
    place.write_bytes(scene.a.read_bytes())
    deed = scene.deed(scene.a, place)
    write_info(deed.info_path, info_text(b"/somewhere/else.png", deed.at, deed.id))
    scene.forge_state(deed, RecordState.TRASHED)
    (line,) = scene.house.lines(*PURGE, code=1)
    assert line["refused"].startswith("is no longer ours") and place.exists()


def test_a_file_that_was_exchanged_while_it_was_read_is_not_deleted(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    before = path.lstat()
    _require_unchanged(os.fsencode(path), before, SurvivorVerifier(), [])
    (tmp_path / "b").write_bytes(b"new")
    (tmp_path / "b").rename(path)
    with pytest.raises(Refusal, match="changed while it was read"):
        _require_unchanged(os.fsencode(path), before, SurvivorVerifier(), [])


def test_what_was_kept_instead_is_missed_to_the_last_moment(tmp_path: Path) -> None:
    going, stays, guard = tmp_path / "a", tmp_path / "b", SurvivorVerifier()
    for path in (going, stays):
        path.write_bytes(b"x")
    proved = guard.require([[Survivor(os.fsencode(stays), hashlib.sha256(b"x").digest())]], going.lstat())
    _require_unchanged(os.fsencode(going), going.lstat(), guard, proved)
    stays.unlink()
    with pytest.raises(Refusal, match="the copy kept instead of it can no longer be verified"):
        _require_unchanged(os.fsencode(going), going.lstat(), guard, proved)


# -- restore


def trashed(scene: Scene) -> TrashRecord:
    """A deed of ours, and what it says."""
    assert scene.house.once().returncode == 0
    (line,) = scene.house.lines("trash", "--yes", "--last-copy", scene.b)
    assert line["done"]
    return list(records_from_journal(read(scene.house.state)).values())[-1]


GOALS = {
    "outside": (lambda scene: scene.outside / "new.png", "was not in a root of this catalog"),
    "over a file outside": (lambda scene: scene.outside / "c.png", "was not in a root of this catalog"),
    "a root's name and more": (
        lambda scene: f"{os.fsdecode(scene.house.root)}elsewhere/new.png",
        "was not in a root of this catalog",
    ),
    "over an original": (lambda scene: scene.a, "another file is at its path now: name a folder with --to"),
    "through a link": (lambda scene: scene.room / "out" / "new.png", "is reached through a symbolic link"),
    "into a file": (lambda scene: scene.a / "new.png", "or through something that is not a directory"),
    "by dots": (
        lambda scene: f"{scene.room}/../../{scene.outside.name}/new.png",
        "is reached through a symbolic link, or through something that is not a directory",
    ),
}


@pytest.mark.parametrize("goal", GOALS)
def test_nothing_is_restored_outside_of_the_roots_or_over_anything(scene: Scene, goal: str) -> None:
    deed = trashed(scene)
    (scene.room / "out").symlink_to(scene.outside)
    where, why = GOALS[goal]
    path = os.fsencode(where(scene))
    scene.forge_state(replace(deed, path=path), RecordState.TRASHED)
    before = scene.originals()
    for words in (("restore", "--last"), ("restore", "--all")):
        (line,) = scene.house.lines(*words, code=1)
        assert why in line["refused"] and not line["done"], line
    assert scene.originals() == before and scene.house.entries() == {"b.png": "whole"}
    elsewhere = scene.outside / "to"
    elsewhere.mkdir()
    (line,) = scene.house.lines("restore", "--all", "--to", elsewhere)
    assert os.fsencode(line["to"]) == os.path.join(os.fsencode(elsewhere), os.path.basename(path))
    assert Path(line["to"]).read_bytes() == picture(1)


def test_a_root_may_be_reached_through_a_link_and_folders_are_made_again(tmp_path: Path) -> None:
    house = TrashHouse(tmp_path)
    root = Path(os.fsdecode(house.root))
    root.rename(tmp_path / "real")
    root.symlink_to(tmp_path / "real")
    deep = root / "a" / "b" / "c.png"
    deep.parent.mkdir(parents=True)
    deep.write_bytes(picture(1))
    assert house.once().returncode == 0, house.tail()
    assert house.catalog("trash", "--yes", "--last-copy", deep).returncode == 0
    deep.parent.rmdir()
    deep.parent.parent.rmdir()
    assert house.lines("restore", "--last")[0]["done"]
    assert deep.read_bytes() == picture(1)


# -- what is no file


def make_folder(path: Path) -> None:
    path.mkdir()


def make_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


@pytest.mark.parametrize("make", [make_folder, make_link, os.mkfifo], ids=lambda make: make.__name__)
@pytest.mark.parametrize(
    "state", [RecordState.TRASHING, RecordState.RESTORING, RecordState.PURGING, RecordState.TRASHED]
)
def test_what_is_no_file_is_left_alone(scene: Scene, make: Callable[[Path], None], state: RecordState) -> None:
    inside, outside = scene.trash / "files" / "odd", scene.room / "odd"
    make(inside)
    make(outside)
    scene.forge_state(scene.deed(outside, inside), state)
    before, odd = scene.originals(), seen(inside)
    scene.run_all()
    assert scene.originals() == before and seen(inside) == odd
    scene.forge_state(scene.deed(scene.room / "new", inside, id="f0-2"), RecordState.TRASHED)
    (line,) = scene.house.lines("restore", scene.room / "new", code=1)
    assert "is not a regular file" in line["refused"] and seen(inside) == odd


# -- what is no path of ours

ODD = ["", "a.png", "./a.png", "/", "/a/", "/a/.", "/a/..", "/a\0b.png", "\ud800/a.png", None, 7, ["/a"], {}]


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("field", ["path", "to"])
def test_what_no_command_writes_is_passed_over_and_told(scene: Scene, field: str, odd: object) -> None:
    deed = scene.deed(scene.a, scene.trash / "files" / "a.png")
    scene.forge(begin_entry(deed) | {field: odd}, step_entry(deed, "trash", "done", 2.0))
    before = scene.originals()
    said = scene.say(LIST)
    assert "skipped: a journal line that no command writes: " in said
    assert "from journal.jsonl" in said
    assert scene.run_all() and scene.originals() == before


@pytest.mark.parametrize("id", ["", "f0", "f0-1\nX", "f0-\u0661", "../f0-1", "\ud800-1", None, 7])
def test_an_id_that_no_command_gives_is_passed_over(scene: Scene, id: object) -> None:
    scene.forge(begin_entry(scene.deed(scene.a, scene.trash / "files" / "a.png")) | {"id": id})
    assert "skipped: " in scene.say(LIST)


@pytest.mark.parametrize(
    ("field", "odd"),
    [
        *(("bytes", odd) for odd in (1e400, 10**400, -1, "9")),
        *(("at", odd) for odd in ("nan", 5)),
        *(("instead", {"path": odd, "sha256": ""}) for odd in ("/a\0", "a")),
        ("sha256", "zz"),
        ("told", "\ud800"),
    ],
)
def test_a_field_that_no_command_writes_is_passed_over(scene: Scene, field: str, odd: object) -> None:
    scene.forge(begin_entry(scene.deed(scene.a, scene.trash / "files" / "a.png")) | {field: odd})
    assert "skipped: " in scene.say(LIST)


def test_a_goal_that_no_command_writes_is_passed_over(scene: Scene) -> None:
    deed = trashed(scene)
    scene.forge(step_entry(deed, "restore", "begin", 2.0) | {"path": "new.png"})
    assert "skipped: " in scene.say(LIST)
    assert scene.house.lines("restore", "--last")[0]["done"] and scene.b.exists()


def test_a_line_cannot_forge_what_is_shown(scene: Scene) -> None:
    odd = "a\x1b[31m\n" + "x" * 5000
    scene.forge(begin_entry(scene.deed(scene.a, scene.trash / "files" / "a.png")) | {"path": odd})
    said = scene.say(LIST)
    assert "\x1b" not in said and max(map(len, said.splitlines())) < 400


# -- information files, and whose trash it is


def test_an_info_file_outside_of_a_trash_is_not_taken_away(scene: Scene) -> None:
    for part in ("files", "info"):
        (scene.room / part).mkdir()
    for number, state in enumerate(
        (RecordState.TRASHING, RecordState.RESTORING, RecordState.PURGING, RecordState.TRASHED)
    ):
        deed = scene.deed(scene.room / f"{number}.png", scene.room / "files" / f"{number}.png", scene.a, f"f0-{number}")
        Path(os.fsdecode(deed.info_path)).write_bytes(deed.info_text if number % 2 else b"")
        scene.forge_state(deed, state)
    refused(scene, "is not in a trash")


def test_a_trash_of_another_user_is_not_believed() -> None:
    if os.geteuid():
        pytest.skip("only root can be another user")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        (Path(folder) / ".Trash-0" / "files").mkdir(parents=True)
        place = os.fsencode(folder) + b"/.Trash-0/files/a"
        deed = TrashRecord("f0-1", 1.0, b"/r/a", bytes(32), 1, place, b"a", None)
        with open_trash(deed) as places:
            assert places is not None
        os.seteuid(65534)
        try:
            with pytest.raises(Refusal, match="is in a trash of another user"), open_trash(deed):
                pass
        finally:
            os.seteuid(0)


def test_a_trash_whose_files_lie_elsewhere_is_not_used(tmp_path: Path) -> None:
    house = TrashHouse(tmp_path)
    (Path(os.fsdecode(house.root)) / "a.png").write_bytes(picture(1))
    assert house.once().returncode == 0
    (tmp_path / "elsewhere").mkdir()
    house.trash.mkdir(parents=True)
    (house.trash / "files").symlink_to(tmp_path / "elsewhere")
    (line,) = house.lines("trash", "--yes", "--last-copy", Path(os.fsdecode(house.root)) / "a.png", code=1)
    assert "its files is not a directory" in line["refused"]


def test_the_list_says_what_it_does_not_believe(scene: Scene) -> None:
    scene.forge_state(scene.deed(scene.b, scene.a), RecordState.TRASHED)
    (line,) = scene.house.lines("trash", "--list", code=1)
    assert (line["path"], line["state"]) == (path_text(os.fsencode(scene.b)), "in no trash")

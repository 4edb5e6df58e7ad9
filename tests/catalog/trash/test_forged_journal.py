"""A forged journal cannot have an original file deleted, moved or replaced.

Every command that acts on the journal reads each forgery; then all files outside the trash are compared.
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
from tests.support.trash_service import TrashService

LIST = ("trash", "--list")
PURGE = ("trash", "--purge", "--older-than", "0s", "--yes", "--last-copy")
Seen = dict[str, tuple[int, int, bytes]]


@dataclass
class Scene:
    """A folder of a root with two originals, `a` and `b`; a folder outside of all roots; and the home trash."""

    service: TrashService
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
        return self.service.trash

    def record(self, path: Path | str, to: Path | str, of: Path | None = None, id: str = "f0-1") -> TrashRecord:
        """Return a record as a forger would write it, with the hash of `of`."""
        data = (of or self.a).read_bytes()
        told = os.fsencode(path)
        return TrashRecord(id, 1.0, told, hashlib.sha256(data).digest(), len(data), os.fsencode(to), told, None)

    def forge(self, *lines: JournalEntry) -> None:
        with (self.service.state / "journal.jsonl").open("ab") as file:
            file.writelines(json.dumps(line).encode() + b"\n" for line in lines)

    def forge_state(self, record: TrashRecord, state: RecordState) -> None:
        """Write the lines that bring a record to a state."""
        words = {
            RecordState.TRASHED: [],
            RecordState.RESTORING: [("restore", "begin")],
            RecordState.PURGING: [("purge", "begin")],
        }
        more = [] if state is RecordState.TRASHING else [("trash", "done"), *words[state]]
        self.forge(begin_entry(record), *(step_entry(record, kind, word, 2.0) for kind, word in more))

    def originals(self) -> Seen:
        """Return everything outside the trash by path: type, inode, and bytes or link target."""
        found: Seen = {}
        for top in (self.service.folder / "root0", self.outside):
            for folder, folders, names in os.walk(top):
                for name in (*folders, *names):
                    path = Path(folder, name)
                    if ".Trash-0" not in path.parts:
                        found[str(path)] = seen(path)
        return found

    def run_all(self) -> str:
        """Run every command that acts on the journal; return their messages."""
        elsewhere = self.service.folder / "to"
        elsewhere.mkdir(exist_ok=True)
        commands = (LIST, PURGE, ("restore", "--all"), ("restore", f"{self.room}", "--to", f"{elsewhere}"))
        return "".join(map(self.say, commands))

    def say(self, words: tuple[str, ...]) -> str:
        """Run a command in this process, which is ten times as fast; return its stderr."""
        runner = CliRunner(env={"XDG_DATA_HOME": str(self.service.data)})
        result = runner.invoke(cli, ["--config", str(self.service.config_path), *words])
        assert result.exception is None or isinstance(result.exception, CatalogError | SystemExit), result.exception
        return result.stderr


def seen(path: Path) -> tuple[int, int, bytes]:
    found = path.lstat()
    data = path.read_bytes() if stat.S_ISREG(found.st_mode) else b""
    return stat.S_IFMT(found.st_mode), found.st_ino, os.fsencode(path.readlink()) if path.is_symlink() else data


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrashService]:
    made = TrashService(tmp_path_factory.mktemp("forged"))
    for part in ("files", "info"):
        (made.trash / part).mkdir(parents=True, mode=0o700)
    assert made.once().returncode == 0
    yield made
    made.close()


@pytest.fixture
def scene(service: TrashService, request: pytest.FixtureRequest) -> Iterator[Scene]:
    name = f"room {abs(hash(request.node.name))}"
    room, outside = service.path(name), service.folder / f"outside {name}"
    (room / "album").mkdir(parents=True)
    outside.mkdir()
    made = Scene(service, room, outside)
    for number, path in enumerate((made.a, made.b, outside / "c.png")):
        path.write_bytes(picture(number))
    yield made
    (service.state / "journal.jsonl").unlink(missing_ok=True)
    for part in ("files", "info"):
        for path in (service.trash / part).iterdir():
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def refused(scene: Scene, word: str) -> None:
    """Check that all commands run, change nothing outside the trash, and name the remedy."""
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
@pytest.mark.parametrize("forgery", PATHS, ids=lambda forgery: forgery.__name__)
def test_two_paths_of_one_name_are_not_two_names(
    scene: Scene, forgery: Callable[[Scene], tuple[Path, Path]], state: RecordState
) -> None:
    path, to = forgery(scene)
    scene.forge_state(scene.record(path, to), state)
    refused(scene, PATHS[forgery])


@pytest.mark.parametrize("state", [RecordState.TRASHING, RecordState.RESTORING])
def test_a_file_in_a_directory_mounted_twice_has_one_name(scene: Scene, state: RecordState) -> None:
    files = scene.trash / "files"
    with mounted(os.fsencode(files), "--bind", os.fsencode(scene.room / "album")):
        scene.forge_state(scene.record(scene.a, files / "a.png"), state)
        refused(scene, "is the only name of the file that it was moved from")


def test_another_programs_entry_is_not_unlinked_as_a_second_name(scene: Scene) -> None:
    theirs = scene.trash / "files" / "theirs.png"
    theirs.hardlink_to(scene.a)
    (scene.trash / "info" / "theirs.png.trashinfo").write_bytes(b"[Trash Info]\nPath=/theirs.png\n")
    scene.forge_state(scene.record(scene.a, theirs), RecordState.TRASHING)
    scene.run_all()
    assert theirs.exists() and scene.a.exists()


def test_a_real_second_name_is_unlinked(scene: Scene) -> None:
    """As left by a kill between link and unlink, on a filesystem without exclusive rename."""
    record = scene.record(scene.a, scene.trash / "files" / "a.png")
    write_info(record.info_path, record.info_text)
    os.link(record.path, record.trash_path)
    scene.forge_state(record, RecordState.TRASHING)
    assert "recovered" in scene.say(LIST)
    assert scene.a.stat().st_nlink == 1 and scene.service.entries() == {}


# -- purge


def test_an_empty_info_file_proves_nothing(scene: Scene) -> None:
    for top in (scene.room, scene.trash):
        for part in ("files", "info"):
            (top / part).mkdir(exist_ok=True)
        (top / "files" / "a.png").write_bytes(scene.a.read_bytes())
        (top / "info" / "a.png.trashinfo").touch()
    scene.forge_state(scene.record(scene.a, scene.room / "files" / "a.png", id="f0-1"), RecordState.TRASHED)
    scene.forge_state(scene.record(scene.a, scene.trash / "files" / "a.png", id="f0-2"), RecordState.TRASHED)
    before = scene.originals()
    lines = scene.service.json_lines(*PURGE, code=1)
    assert "is not in a trash" in lines[0]["refused"]
    assert lines[1]["refused"] == "is no longer ours: its info file is missing or another program's"
    assert scene.originals() == before and (scene.trash / "files" / "a.png").exists()
    refused(scene, "is not in a trash")


def test_an_info_file_of_another_record_or_path_proves_nothing(scene: Scene) -> None:
    place = scene.trash / "files" / "a.png"
    place.write_bytes(scene.a.read_bytes())
    record = scene.record(scene.a, place)
    write_info(record.info_path, info_text(b"/somewhere/else.png", record.at, record.id))
    scene.forge_state(record, RecordState.TRASHED)
    (line,) = scene.service.json_lines(*PURGE, code=1)
    assert line["refused"].startswith("is no longer ours") and place.exists()


def test_a_file_replaced_while_it_was_read_is_not_deleted(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    before = path.lstat()
    _require_unchanged(os.fsencode(path), before, SurvivorVerifier(), [])
    (tmp_path / "b").write_bytes(b"new")
    (tmp_path / "b").rename(path)
    with pytest.raises(Refusal, match="changed while it was read"):
        _require_unchanged(os.fsencode(path), before, SurvivorVerifier(), [])


def test_a_survivor_lost_at_the_last_moment_is_noticed(tmp_path: Path) -> None:
    going, stays, verifier = tmp_path / "a", tmp_path / "b", SurvivorVerifier()
    for path in (going, stays):
        path.write_bytes(b"x")
    proved = verifier.require(
        [[Survivor(os.fsencode(stays), hashlib.sha256(b"x").digest())]], going.lstat(), os.fsencode(going)
    )
    _require_unchanged(os.fsencode(going), going.lstat(), verifier, proved)
    stays.unlink()
    with pytest.raises(Refusal, match="the copy kept instead of it can no longer be verified"):
        _require_unchanged(os.fsencode(going), going.lstat(), verifier, proved)


# -- restore


def trashed(scene: Scene) -> TrashRecord:
    """Trash `b` by the real command; return its record."""
    assert scene.service.once().returncode == 0
    (line,) = scene.service.json_lines("trash", "--yes", "--last-copy", scene.b)
    assert line["done"]
    return list(records_from_journal(read(scene.service.state)).values())[-1]


TARGETS = {
    "outside": (lambda scene: scene.outside / "new.png", "was not in a root of this catalog"),
    "over a file outside": (lambda scene: scene.outside / "c.png", "was not in a root of this catalog"),
    "a root's name and more": (
        lambda scene: f"{os.fsdecode(scene.service.root)}elsewhere/new.png",
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


@pytest.mark.parametrize("target", TARGETS)
def test_restore_never_leaves_the_roots_or_overwrites(scene: Scene, target: str) -> None:
    record = trashed(scene)
    (scene.room / "out").symlink_to(scene.outside)
    where, why = TARGETS[target]
    path = os.fsencode(where(scene))
    scene.forge_state(replace(record, path=path), RecordState.TRASHED)
    before = scene.originals()
    for words in (("restore", "--last"), ("restore", "--all")):
        (line,) = scene.service.json_lines(*words, code=1)
        assert why in line["refused"] and not line["done"], line
    assert scene.originals() == before and scene.service.entries() == {"b.png": "whole"}
    elsewhere = scene.outside / "to"
    elsewhere.mkdir()
    (line,) = scene.service.json_lines("restore", "--all", "--to", elsewhere)
    assert os.fsencode(line["to"]) == os.path.join(os.fsencode(elsewhere), os.path.basename(path))
    assert Path(line["to"]).read_bytes() == picture(1)


def test_restore_follows_a_symlinked_root_and_recreates_directories(tmp_path: Path) -> None:
    service = TrashService(tmp_path)
    root = service.path()
    root.rename(tmp_path / "real")
    root.symlink_to(tmp_path / "real")
    deep = root / "a" / "b" / "c.png"
    deep.parent.mkdir(parents=True)
    deep.write_bytes(picture(1))
    assert service.once().returncode == 0, service.tail()
    assert service.catalog("trash", "--yes", "--last-copy", deep).returncode == 0
    deep.parent.rmdir()
    deep.parent.parent.rmdir()
    assert service.json_lines("restore", "--last")[0]["done"]
    assert deep.read_bytes() == picture(1)


# -- not a regular file


def make_folder(path: Path) -> None:
    path.mkdir()


def make_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


@pytest.mark.parametrize("make", [make_folder, make_link, os.mkfifo], ids=lambda make: make.__name__)
@pytest.mark.parametrize(
    "state", [RecordState.TRASHING, RecordState.RESTORING, RecordState.PURGING, RecordState.TRASHED]
)
def test_directories_links_and_pipes_are_left_alone(
    scene: Scene, make: Callable[[Path], None], state: RecordState
) -> None:
    inside, outside = scene.trash / "files" / "odd", scene.room / "odd"
    make(inside)
    make(outside)
    scene.forge_state(scene.record(outside, inside), state)
    before, odd = scene.originals(), seen(inside)
    scene.run_all()
    assert scene.originals() == before and seen(inside) == odd
    scene.forge_state(scene.record(scene.room / "new", inside, id="f0-2"), RecordState.TRASHED)
    (line,) = scene.service.json_lines("restore", scene.room / "new", code=1)
    assert "is not a regular file" in line["refused"] and seen(inside) == odd


# -- malformed lines

ODD = ["", "a.png", "./a.png", "/", "/a/", "/a/.", "/a/..", "/a\0b.png", "\ud800/a.png", None, 7, ["/a"], {}]


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("field", ["path", "to"])
def test_a_forged_path_is_skipped_and_reported(scene: Scene, field: str, odd: object) -> None:
    record = scene.record(scene.a, scene.trash / "files" / "a.png")
    scene.forge(begin_entry(record) | {field: odd}, step_entry(record, "trash", "done", 2.0))
    before = scene.originals()
    said = scene.say(LIST)
    assert "skipped: a journal line that no command writes: " in said
    assert "from journal.jsonl" in said
    assert scene.run_all() and scene.originals() == before


@pytest.mark.parametrize("id", ["", "f0", "f0-1\nX", "f0-\u0661", "../f0-1", "\ud800-1", None, 7])
def test_a_forged_id_is_skipped(scene: Scene, id: object) -> None:
    scene.forge(begin_entry(scene.record(scene.a, scene.trash / "files" / "a.png")) | {"id": id})
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
def test_a_forged_field_is_skipped(scene: Scene, field: str, odd: object) -> None:
    scene.forge(begin_entry(scene.record(scene.a, scene.trash / "files" / "a.png")) | {field: odd})
    assert "skipped: " in scene.say(LIST)


def test_a_forged_restore_target_is_skipped(scene: Scene) -> None:
    record = trashed(scene)
    scene.forge(step_entry(record, "restore", "begin", 2.0) | {"path": "new.png"})
    assert "skipped: " in scene.say(LIST)
    assert scene.service.json_lines("restore", "--last")[0]["done"] and scene.b.exists()


def test_a_forged_line_cannot_control_the_terminal(scene: Scene) -> None:
    odd = "a\x1b[31m\n" + "x" * 5000
    scene.forge(begin_entry(scene.record(scene.a, scene.trash / "files" / "a.png")) | {"path": odd})
    said = scene.say(LIST)
    assert "\x1b" not in said and max(map(len, said.splitlines())) < 400


# -- info files and owners of a trash


def test_an_info_file_outside_a_trash_is_not_deleted(scene: Scene) -> None:
    for part in ("files", "info"):
        (scene.room / part).mkdir()
    for number, state in enumerate(
        (RecordState.TRASHING, RecordState.RESTORING, RecordState.PURGING, RecordState.TRASHED)
    ):
        record = scene.record(
            scene.room / f"{number}.png", scene.room / "files" / f"{number}.png", scene.a, f"f0-{number}"
        )
        Path(os.fsdecode(record.info_path)).write_bytes(record.info_text if number % 2 else b"")
        scene.forge_state(record, state)
    refused(scene, "is not in a trash")


def test_a_trash_of_another_user_is_refused() -> None:
    if os.geteuid():
        pytest.skip("only root can be another user")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        (Path(folder) / ".Trash-0" / "files").mkdir(parents=True)
        place = os.fsencode(folder) + b"/.Trash-0/files/a"
        record = TrashRecord("f0-1", 1.0, b"/r/a", bytes(32), 1, place, b"a", None)
        with open_trash(record) as places:
            assert places is not None
        os.seteuid(65534)
        try:
            with pytest.raises(Refusal, match="is in a trash of another user"), open_trash(record):
                pass
        finally:
            os.seteuid(0)


def test_a_trash_with_a_symlinked_files_directory_is_not_used(tmp_path: Path) -> None:
    service = TrashService(tmp_path)
    service.path("a.png").write_bytes(picture(1))
    assert service.once().returncode == 0
    (tmp_path / "elsewhere").mkdir()
    service.trash.mkdir(parents=True)
    (service.trash / "files").symlink_to(tmp_path / "elsewhere")
    (line,) = service.json_lines("trash", "--yes", "--last-copy", service.path("a.png"), code=1)
    assert "its files is not a directory" in line["refused"]


def test_the_list_reports_a_record_outside_a_trash(scene: Scene) -> None:
    scene.forge_state(scene.record(scene.b, scene.a), RecordState.TRASHED)
    (line,) = scene.service.json_lines("trash", "--list", code=1)
    assert (line["path"], line["state"]) == (path_text(os.fsencode(scene.b)), "in no trash")

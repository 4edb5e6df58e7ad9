"""A pattern of `ignore` that is added or removed later: a change of the configuration, never a loss."""

import os
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.config.edit import write_config
from catalog.config.load import load_config
from catalog.filesystem.ignore import IgnoreRules
from daemon.scan.scheduler import Scanner
from daemon.writer import Writer
from tests.support.catalog_on_disk import Collection
from tests.support.mounts import mounted
from tests.support.running_service import RunningService, drop_powers, picture
from tests.support.trash_service import TrashService
from tests.support.waiting import wait_until

VERSIONS, LEFT = 30, 10
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[TrashService]:
    """Yield a catalog of a collection that is mostly old versions, all of them read."""
    made = TrashService(tmp_path, settings="[intake]\nworkers = 2\n")
    for folder, count in (("album/versions", VERSIONS), ("album", LEFT)):
        os.makedirs(at(made, folder), exist_ok=True)
        for seed in range(count):
            at(made, f"{folder}/{seed}.png").write_bytes(picture(1000 * len(folder) + seed))
    assert made.once().returncode == 0, made.tail()
    yield made
    made.close()


def at(service: RunningService, name: str) -> Path:
    return Path(os.fsdecode(service.root), name)


def ignore(service: RunningService, *patterns: str) -> None:
    """Set `ignore`, or remove it."""
    lines = [line for line in service.config_path.read_text().splitlines() if not line.startswith("ignore")]
    if patterns:
        lines.insert(0, f"ignore = [{', '.join(map('{!r}'.format, patterns))}]")
    service.config_path.write_text("\n".join(lines) + "\n")


def counts(service: TrashService) -> dict[str, int]:
    return Counter(line["state"] for line in service.json_lines("ls"))


def readings(service: RunningService) -> list[tuple[object, ...]]:
    return service.rows("SELECT id, name, content FROM file ORDER BY id") + service.rows(
        "SELECT id, content FROM vector"
    )


def passes(service: TrashService, expected: dict[str, int]) -> None:
    """Assert that a pass succeeds, holds nothing, and that every command agrees."""
    done = service.once()
    assert done.returncode == 0, done.stderr
    assert counts(service) == expected
    assert service.findings() == []
    (status,) = service.json_lines("status")
    files = status["files"]
    assert {state: files[state] for state in files if files[state] and state != "total"} == expected
    assert files["total"] == sum(expected.values())
    assert [root["state"] for root in status["roots"]] == ["present"]


def settles(service: TrashService, expected: dict[str, int]) -> None:
    """Assert that the running service settles with these states."""
    assert wait_until(lambda: counts(service) == expected and not service.busy()), (counts(service), service.tail())


@pytest.mark.parametrize("patterns", [("versions",), ("versions/",), ("<defaults>", "album/versions")])
def test_files_that_a_new_pattern_excludes_leave_quietly_and_return(
    service: TrashService, patterns: tuple[str, ...]
) -> None:
    before = readings(service)
    one = at(service, "album/versions/1.png")
    assert service.catalog("label", "keep", one).returncode == 0
    ignore(service, *patterns)
    passes(service, {"ok": LEFT, "ignored": VERSIONS})
    (shown,) = service.json_lines("show", one)
    assert (shown["state"], shown["reason"], shown["detail"], shown["label"]) == ("ignored", None, None, "keep")
    assert len(service.json_lines("ls", "--state", "ignored")) == VERSIONS and not service.json_lines(
        "ls", "--state", "gone"
    )
    assert all(
        "versions" not in hit["path"] for hit in service.json_lines("similar", at(service, "album/1.png"), "-k", "99")
    )
    ignore(service)
    passes(service, {"ok": LEFT + VERSIONS})
    assert readings(service) == before
    assert service.json_lines("show", one)[0]["label"] == "keep"


def test_files_deleted_while_they_are_ignored_are_gone_once_the_pattern_is_removed(service: TrashService) -> None:
    ignore(service, "versions")
    passes(service, {"ok": LEFT, "ignored": VERSIONS})
    at(service, "album/versions/1.png").unlink()
    passes(service, {"ok": LEFT, "ignored": VERSIONS})  # nobody looks
    ignore(service)
    passes(service, {"ok": LEFT + VERSIONS - 1, "gone": 1})


def test_a_pattern_of_names_excludes_files_one_by_one(service: TrashService) -> None:
    ignore(service, "1*.png")
    here, below = 1, 11  # 1.png; 1.png and 10.png to 19.png
    passes(service, {"ok": LEFT + VERSIONS - here - below, "ignored": here + below})
    at(service, "album/versions/1.png").unlink()
    ignore(service, "2*.png")
    passes(service, {"ok": LEFT + VERSIONS - 1 - 12, "ignored": 12, "gone": 1})


def test_a_loss_beside_ignored_files_is_still_held(service: TrashService) -> None:
    """What is ignored counts neither as missing nor as present: 10 of 10 are lost, then 20 of 30."""
    for seed in range(20):
        at(service, f"other-{seed}.png").write_bytes(picture(50 + seed))
    assert service.once().returncode == 0
    ignore(service, "versions")
    for seed in range(20):
        at(service, f"other-{seed}.png").unlink()
    done = service.once()
    assert done.returncode == 4 and f"a scan missed 20 of {20 + LEFT} files" in done.stderr


def test_an_ignored_folder_that_is_lost_at_the_same_time_is_no_loss(service: TrashService) -> None:
    for seed in range(3 * VERSIONS):
        at(service, f"{seed}.png").write_bytes(picture(7000 + seed))
    assert service.once().returncode == 0
    ignore(service, "versions")
    shutil.rmtree(at(service, "album"))
    passes(service, {"ok": 3 * VERSIONS, "ignored": VERSIONS, "gone": LEFT})


def test_a_held_disk_is_released_by_the_pattern_that_explains_it(service: TrashService) -> None:
    shutil.rmtree(at(service, "album/versions"))
    assert service.once().returncode == 4
    ignore(service, "versions")
    passes(service, {"ok": LEFT, "ignored": VERSIONS})


def test_a_running_service_follows_the_pattern_on_reload(service: TrashService) -> None:
    service.start()
    assert wait_until(lambda: not service.busy())
    for patterns, expected in (
        (("versions",), {"ok": LEFT, "ignored": VERSIONS}),
        ((), {"ok": LEFT + VERSIONS}),
    ):
        ignore(service, *patterns)
        service.signal(signal.SIGHUP)
        settles(service, expected)
    ignore(service, "versions")
    service.stop()
    service.start()
    settles(service, {"ok": LEFT, "ignored": VERSIONS})
    at(service, "album/versions/new.png").write_bytes(picture(3))
    at(service, "album/new.png").write_bytes(picture(4))
    settles(service, {"ok": LEFT + 1, "ignored": VERSIONS})
    assert service.findings() == []


def test_a_mount_and_an_unreadable_folder_that_are_ignored_leave_no_alarm(tmp_path: Path) -> None:
    service = TrashService(tmp_path)
    for name in ("inner", "closed"):
        at(service, name).mkdir()
    at(service, "a.png").write_bytes(picture(1))
    at(service, "closed/b.png").write_bytes(picture(2))
    with mounted(os.fsencode(at(service, "inner")), "-t", "tmpfs", "none"):
        at(service, "inner/c.png").write_bytes(picture(3))
        assert service.once().returncode == 0
        at(service, "closed").chmod(0)
        assert service.once(drop_powers).returncode == 4
        assert counts(service) == {"ok": 2, "unreachable": 1}
        ignore(service, "inner", "closed")
        assert service.once(drop_powers).returncode == 0
        assert counts(service) == {"ok": 1, "ignored": 2}
    passes(service, {"ok": 1, "ignored": 2})
    ignore(service)
    at(service, "closed").chmod(0o755)
    passes(service, {"ok": 2, "gone": 1})


# -- any tree and any patterns, by scans without a service

NAMES = ("a", "B", "x.jpg", "y.JPG", ".zfs")
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map("/".join)
PATTERNS = st.lists(st.sampled_from(["a", "B/", "*.jpg", "a/B", ".zfs", "<defaults>"]), max_size=3)


@contextmanager
def scanner(folder: Path, collection: Collection) -> Iterator[Scanner]:
    """Yield a scanner of the catalog, whose steps do not wait; its writer runs meanwhile."""
    (folder / "state").symlink_to(folder)  # by this path, the root is not inside the state directory
    write_config(folder / "config.toml", folder / "state", (collection.root,))
    config = load_config(str(folder / "config.toml"))
    writer = Writer(config.database)
    thread = threading.Thread(target=writer.run)
    thread.start()
    try:
        made = Scanner(config, writer, once=True)
        with patch.object(made.wake, "wait"):
            yield made
    finally:
        writer.stop()
        thread.join()


def put_files(collection: Collection, names: set[str]) -> None:
    """Put the files that can lie beside each other."""
    for name in sorted(names):
        if not any(other.startswith(f"{name}/") for other in names):
            collection.add_file(name)


def expected_state(collection: Collection, rules: IgnoreRules, name: str) -> str:
    """Return the state that follows from the patterns and the disk alone."""
    folder, base = os.path.split(collection.path(name))
    if rules.ignores_path(folder, collection.root) or rules.ignores_name(base):
        return "ignored"
    return "seen" if os.path.isfile(collection.path(name)) else "gone"


def observed_states(collection: Collection) -> dict[str, str]:
    rows = collection.database.rows(
        "SELECT d.path, f.name, CASE WHEN f.state != 'gone' THEN 'seen' ELSE coalesce(f.detail, 'gone') END"
        " FROM file f JOIN directory d ON d.id = f.directory"
    )
    return {
        os.path.relpath(os.fsdecode(path + b"/" + name), os.fsdecode(collection.root)): state
        for path, name, state in rows
    }


@settings(max_examples=40, deadline=None)
@given(st.sets(PATHS, max_size=8), st.lists(st.tuples(PATTERNS, st.sets(PATHS, max_size=3)), max_size=3))
def test_the_states_follow_from_the_patterns_and_the_disk(
    tmp_path_factory: pytest.TempPathFactory, tree: set[str], steps: Sequence[tuple[list[str], set[str]]]
) -> None:
    """Whatever was ignored, deleted and taken back before. A file deleted before it was ignored stays gone."""
    folder = tmp_path_factory.mktemp("scan")
    collection = Collection(folder)
    put_files(collection, tree)
    known_gone: set[str] = set()
    with scanner(folder, collection) as made:
        for patterns, deleted in [*steps, ([], set())]:
            for path in filter(os.path.isfile, map(collection.path, deleted)):
                os.unlink(path)
            made.reconfigure(replace(load_config(str(folder / "config.toml")), ignore=tuple(patterns)))
            made.step()
            rules = IgnoreRules(tuple(patterns), os.fsencode(folder / "state"))
            states = observed_states(collection)
            assert states == {
                name: "gone" if name in known_gone else expected_state(collection, rules, name) for name in states
            }
            known_gone |= {name for name, state in states.items() if state == "gone"}
    collection.database.close()

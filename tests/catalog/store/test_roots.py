"""Moving a root rewrites the paths below it and nothing else."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.store.database import Database
from catalog.store.roots import move_root, same_marker_paths
from catalog.store.volumes import Volume, all_volumes

NAMES = st.binary(min_size=1, max_size=4).filter(
    lambda name: not set(name) & {0, ord("/")} and name not in (b".", b"..")
)
PATHS = st.lists(NAMES, min_size=0, max_size=3).map(lambda names: b"/" + b"/".join(names))


@settings(deadline=None, max_examples=60)
@given(PATHS, PATHS, st.lists(PATHS, max_size=6), PATHS)
def test_every_path_below_a_root_follows_it(old: bytes, new: bytes, below: list[bytes], mount: bytes) -> None:
    inner = old.rstrip(b"/") + mount
    directories = {old, *(old.rstrip(b"/") + path for path in below if path != b"/")}
    with TemporaryDirectory() as folder, Database(Path(folder) / "catalog.db", write=True) as database:
        database.run("INSERT INTO volume(id, path, kind, identity, since) VALUES (1, ?, 'root', 'marker=m', 1.0)", old)
        if inner not in (old, old + b"/"):
            database.run(
                "INSERT INTO volume(root, path, kind, identity, since) VALUES (1, ?, 'mount', 'filesystem=f', 1.0)",
                inner,
            )
        for path in directories:
            database.run("INSERT INTO directory(volume, path) VALUES (1, ?)", path)
        before = dict(database.rows("SELECT id, path FROM directory"))
        volumes = {volume.id: volume.path for volume in all_volumes(database)}
        (root,) = (volume for volume in all_volumes(database) if volume.kind == "root")
        with database.transaction():
            assert move_root(database, root, new, 2.0)

        def moved(path: bytes) -> bytes:
            return new if path == old else new.rstrip(b"/") + path[len(old.rstrip(b"/")) :]

        assert dict(database.rows("SELECT id, path FROM directory")) == {
            id_: moved(path) for id_, path in before.items()
        }
        assert {volume.id: volume.path for volume in all_volumes(database)} == {
            id_: moved(path) for id_, path in volumes.items()
        }


def test_a_root_does_not_move_to_where_other_files_are_known(tmp_path: Path) -> None:
    with Database(tmp_path / "catalog.db", write=True) as database:
        database.script(
            "INSERT INTO volume(id, path, kind, identity, since) VALUES (1, x'2f61', 'root', 'marker=m', 1.0),"
            " (2, x'2f62', 'root', 'marker=n', 1.0); INSERT INTO directory VALUES (1, 1, x'2f61'), (2, 2, x'2f62')"
        )
        root, _ = all_volumes(database)
        assert not move_root(database, root, b"/b", 2.0)
        assert not move_root(database, root, b"/", 2.0)
        database.run("DELETE FROM directory WHERE id = 2")
        assert move_root(database, root, b"/b", 2.0)
        assert [volume.path for volume in all_volumes(database)] == [b"/b"]


def test_only_present_roots_with_equal_markers_are_told_of() -> None:
    def volume(id_: int, path: bytes, identity: str, away: str | None = None, kind: str = "root") -> Volume:
        return Volume(id_, None, path, kind, identity, away, 1.0, None, None, None)

    volumes = [
        volume(1, b"/a", "marker=m"),
        volume(2, b"/b", "marker=m"),
        volume(3, b"/c", "marker=m", "not mounted"),
        volume(4, b"/d", "filesystem=f"),
        volume(5, b"/e", "filesystem=f"),
        volume(6, b"/f", "marker=n"),
    ]
    assert same_marker_paths(volumes) == {b"/a": b"/b", b"/b": b"/a"}

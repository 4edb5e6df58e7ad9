import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from catalog.errors import ResourceError
from catalog.similarity import index_file as snapshot
from catalog.similarity.index import VectorIndex
from catalog.similarity.index_file import (
    NO_SNAPSHOT,
    LoadedSnapshot,
    SnapshotHeader,
    UnusableSnapshot,
    load_snapshot,
    read_header,
    save_snapshot,
)
from tests.support.catalog_rows import DIMS, directions

VECTORS = directions(60)


def index(count: int = 60, dead: int = 7) -> VectorIndex:
    made = VectorIndex(DIMS)
    made.add(np.arange(1, count + 1), VECTORS[:count])
    made.remove(np.arange(1, dead + 1))
    return made


def loaded(folder: Path) -> LoadedSnapshot:
    found = load_snapshot(folder, "m", DIMS)
    assert isinstance(found, LoadedSnapshot), found
    return found


def why(folder: Path, digest: str = "m", dims: int = DIMS) -> str:
    found = load_snapshot(folder, digest, dims)
    assert isinstance(found, UnusableSnapshot)
    return found.reason


def files(folder: Path) -> list[str]:
    return sorted(path.name.split(".", 1)[1] for path in folder.iterdir())


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    made = index()
    header = save_snapshot(tmp_path, made, "m", 42, "w")
    assert (header.count, header.deleted, header.seq, header.timeline, header.dims) == (53, 7, 42, "w", DIMS)
    found = loaded(tmp_path)
    assert found.header == header == read_header(tmp_path, "m")
    assert found.vector_index.live_ids().tolist() == made.live_ids().tolist() == list(range(8, 61))
    before, after = made.query(VECTORS, 60), found.vector_index.query(VECTORS, 60)
    assert np.array_equal(before[0], after[0]) and np.array_equal(before[1], after[1])


def test_a_loaded_index_goes_on_growing_and_reviving(tmp_path: Path) -> None:
    save_snapshot(tmp_path, index(40), "m", 1, "")
    found = loaded(tmp_path).vector_index
    found.add(np.arange(1, 61), VECTORS)
    assert found.live_ids().tolist() == list(range(1, 61))
    assert found.query(VECTORS, 1)[0][:, 0].tolist() == list(range(1, 61))
    assert found.query(VECTORS[:1], 1)[0].shape == (1, 1) and found._graph.ef == 100  # forgotten by hnswlib


def test_an_empty_index_too(tmp_path: Path) -> None:
    save_snapshot(tmp_path, VectorIndex(DIMS), "m", 0, "")
    assert loaded(tmp_path).vector_index.live_count == 0


def test_saving_again_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    for seq in range(1, 4):
        save_snapshot(tmp_path, index(seq * 10), "m", seq, "")
        assert loaded(tmp_path).header.seq == seq
        assert loaded(tmp_path).vector_index.live_count == seq * 10 - 7
        assert len(files(tmp_path)) == 2


def test_the_snapshots_of_two_models_lie_side_by_side(tmp_path: Path) -> None:
    save_snapshot(tmp_path, index(20), "m", 1, "")
    save_snapshot(tmp_path, index(30), "a/../b", 2, "")
    assert loaded(tmp_path).header.count == 13
    assert read_header(tmp_path, "a/../b").count == 23  # type: ignore[union-attr]


def test_no_snapshot_says_so(tmp_path: Path) -> None:
    assert read_header(tmp_path, "m") is None
    assert why(tmp_path) == NO_SNAPSHOT
    assert why(tmp_path / "absent") == NO_SNAPSHOT


def test_another_dimension_is_noticed(tmp_path: Path) -> None:
    save_snapshot(tmp_path, index(), "m", 1, "")
    assert "16 dimensions, not 32" in why(tmp_path, dims=32)


def test_another_version_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_snapshot(tmp_path, index(), "m", 1, "")
    monkeypatch.setattr(snapshot, "FORMAT_VERSION", snapshot.FORMAT_VERSION + 1)
    assert why(tmp_path) == f"its format is version {snapshot.FORMAT_VERSION - 1}, not {snapshot.FORMAT_VERSION}"
    assert read_header(tmp_path, "m") is None


def test_a_head_under_the_name_of_another_model_is_noticed(tmp_path: Path) -> None:
    save_snapshot(tmp_path, index(), "m", 1, "")
    snapshot.header_path(tmp_path, "m").rename(snapshot.header_path(tmp_path, "n"))
    assert why(tmp_path, "n") == "it was made by another model"


def test_every_flipped_bit_and_every_cut_is_noticed(tmp_path: Path) -> None:
    """All of the head, the payload at steps: what hnswlib would make of it is a crash, not an error."""
    save_snapshot(tmp_path, index(), "m", 1, "")
    head, payload = sorted(tmp_path.iterdir(), key=lambda path: path.suffix)
    for path, step in ((head, 5), (payload, 307)):
        whole = path.read_bytes()
        for at in range(0, len(whole), step):
            flipped = bytearray(whole)
            flipped[at] ^= 1 << (at % 8)
            path.write_bytes(flipped)
            assert why(tmp_path)
            if at % (step * 5) == 0:
                path.write_bytes(whole[:at])
                assert why(tmp_path)
        path.write_bytes(whole)
    assert loaded(tmp_path)


@pytest.mark.parametrize("which", [".head", ".hnsw"])
def test_an_unreadable_part_is_no_crash(tmp_path: Path, which: str) -> None:
    save_snapshot(tmp_path, index(), "m", 1, "")
    part = next(path for path in tmp_path.iterdir() if path.suffix == which)
    part.unlink()
    part.mkdir()
    assert "cannot be read" in why(tmp_path)


def test_what_was_proved_is_what_is_loaded_though_the_name_is_taken_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_snapshot(tmp_path, index(), "m", 1, "")
    true_load = VectorIndex.load

    def late(path: Path, *rest: object) -> VectorIndex:
        for seq in (2, 3):  # the second takes the very name that is being loaded
            save_snapshot(tmp_path, index(20), "m", seq, "")
        return true_load(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(VectorIndex, "load", late)
    assert loaded(tmp_path).vector_index.live_count == 53


def test_a_missing_directory_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="could not be saved") as caught:
        save_snapshot(tmp_path / "absent", index(), "m", 1, "")
    assert "Free some space" in caught.value.remedy


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """No file may grow beyond: what a full disk does to a write, and hnswlib keeps silent about."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("room", [0, 100, 4096])
def test_a_full_disk_is_reported_and_keeps_the_snapshot_before(tmp_path: Path, room: int) -> None:
    save_snapshot(tmp_path, index(20), "m", 1, "")
    before = files(tmp_path)
    with file_limit(room), pytest.raises(ResourceError, match=r"bytes were written|too large|cannot|Cannot"):
        save_snapshot(tmp_path, index(), "m", 2, "")
    assert files(tmp_path) == before  # what was half written is cleared away, for space is what is short
    assert loaded(tmp_path).header.seq == 1


def test_a_head_that_cannot_be_written_keeps_the_snapshot_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_snapshot(tmp_path, index(20), "m", 1, "")

    def full(path: Path, header: SnapshotHeader, states: bytes) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshot, "_write_header_file", full)
    with pytest.raises(ResourceError, match="No space left"):
        save_snapshot(tmp_path, index(), "m", 2, "")
    assert loaded(tmp_path).header.seq == 1
    assert len(files(tmp_path)) == 2


SAVER = """
import sys, numpy as np
from pathlib import Path
from catalog.similarity.index import VectorIndex
from catalog.similarity.index_file import save_snapshot
index = VectorIndex(16)
vectors = np.random.default_rng(0).normal(size=(3000, 16)).astype(np.float32)
seq = int(sys.argv[2])
index.add(np.arange(1, 3001), vectors)
while True:
    seq += 1
    save_snapshot(Path(sys.argv[1]), index, "m", seq, "")
    print("saved", flush=True)
"""


def test_kill_at_any_moment_leaves_the_old_or_the_new_snapshot(tmp_path: Path) -> None:
    seq = 0
    for round in range(6):
        with subprocess.Popen([sys.executable, "-c", SAVER, tmp_path, str(seq)], stdout=subprocess.PIPE) as saver:
            assert saver.stdout and saver.stdout.readline() == b"saved\n"
            time.sleep(0.001 + 0.0037 * round)
            saver.kill()
        found = loaded(tmp_path)
        assert found.vector_index.live_count == 3000
        assert found.header.seq > seq
        seq = found.header.seq
    save_snapshot(tmp_path, index(), "m", seq + 1, "")
    assert len(files(tmp_path)) == 2  # and nothing piles up


def test_reading_the_header_loads_neither_numpy_nor_hnswlib(tmp_path: Path) -> None:
    save_snapshot(tmp_path, index(), "m", 5, "")
    code = (
        "import sys; from pathlib import Path; from catalog.similarity.index_file import read_header;"
        "import catalog.client.connection;"
        f"assert read_header(Path({os.fspath(tmp_path)!r}), 'm').seq == 5;"
        "assert not {'numpy', 'hnswlib', 'apsw'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

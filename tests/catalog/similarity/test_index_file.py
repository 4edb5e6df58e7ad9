"""Tests of index snapshots: damage, full disks and kills never yield a wrong index."""

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
    load_snapshot,
    read_header,
    save_snapshot,
)
from tests.support.catalog_rows import DIMS, directions

VECTORS = directions(60)


def index(count: int = 60, deleted: int = 7) -> VectorIndex:
    index = VectorIndex(DIMS)
    index.add(np.arange(1, count + 1), VECTORS[:count])
    index.remove(np.arange(1, deleted + 1))
    return index


def loaded(folder: Path) -> LoadedSnapshot:
    found = load_snapshot(folder, "m", DIMS)
    assert isinstance(found, LoadedSnapshot), found
    return found


def reason(folder: Path, digest: str = "m", dims: int = DIMS) -> str:
    found = load_snapshot(folder, digest, dims)
    assert isinstance(found, str)
    return found


def files(folder: Path) -> list[str]:
    return sorted(path.name.split(".", 1)[1] for path in folder.iterdir())


def test_a_saved_index_is_loaded(tmp_path: Path) -> None:
    saved = index()
    header = save_snapshot(tmp_path, saved, "m", 42, "w")
    assert (header.count, header.deleted, header.seq, header.timeline, header.dims) == (53, 7, 42, "w", DIMS)
    found = loaded(tmp_path)
    assert found.header == header == read_header(tmp_path, "m")
    assert found.vector_index.live_ids().tolist() == saved.live_ids().tolist() == list(range(8, 61))
    (ids, cosines), (loaded_ids, loaded_cosines) = saved.query(VECTORS, 60), found.vector_index.query(VECTORS, 60)
    assert np.array_equal(ids, loaded_ids) and np.array_equal(cosines, loaded_cosines)


def test_a_loaded_index_accepts_adds_and_revivals(tmp_path: Path) -> None:
    save_snapshot(tmp_path, index(40), "m", 1, "")
    found = loaded(tmp_path).vector_index
    found.add(np.arange(1, 61), VECTORS)
    assert found.live_ids().tolist() == list(range(1, 61))
    ids, _ = found.query(VECTORS, 1)
    assert ids[:, 0].tolist() == list(range(1, 61))
    ids, _ = found.query(VECTORS[:1], 1)
    assert ids.shape == (1, 1) and found._graph.ef == 100  # hnswlib does not save it


def test_an_empty_index_is_saved_and_loaded(tmp_path: Path) -> None:
    save_snapshot(tmp_path, VectorIndex(DIMS), "m", 0, "")
    assert loaded(tmp_path).vector_index.live_count == 0


def test_saving_again_replaces_the_snapshot(tmp_path: Path) -> None:
    for seq in range(1, 4):
        save_snapshot(tmp_path, index(seq * 10), "m", seq, "")
        assert loaded(tmp_path).header.seq == seq
        assert loaded(tmp_path).vector_index.live_count == seq * 10 - 7
        assert len(files(tmp_path)) == 2


def test_two_models_have_separate_snapshots(tmp_path: Path) -> None:
    save_snapshot(tmp_path, index(20), "m", 1, "")
    save_snapshot(tmp_path, index(30), "a/../b", 2, "")
    assert loaded(tmp_path).header.count == 13
    assert read_header(tmp_path, "a/../b").count == 23  # type: ignore[union-attr]


def test_a_missing_snapshot_is_reported(tmp_path: Path) -> None:
    assert read_header(tmp_path, "m") is None
    assert reason(tmp_path) == NO_SNAPSHOT
    assert reason(tmp_path / "absent") == NO_SNAPSHOT


def test_another_dimension_is_detected(tmp_path: Path) -> None:
    save_snapshot(tmp_path, index(), "m", 1, "")
    assert "16 dimensions, not 32" in reason(tmp_path, dims=32)


def test_another_format_version_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_snapshot(tmp_path, index(), "m", 1, "")
    monkeypatch.setattr(snapshot, "FORMAT_VERSION", snapshot.FORMAT_VERSION + 1)
    assert reason(tmp_path) == f"its format is version {snapshot.FORMAT_VERSION - 1}, not {snapshot.FORMAT_VERSION}"
    assert read_header(tmp_path, "m") is None


def test_a_header_renamed_to_another_model_is_detected(tmp_path: Path) -> None:
    save_snapshot(tmp_path, index(), "m", 1, "")
    snapshot.header_path(tmp_path, "m").rename(snapshot.header_path(tmp_path, "n"))
    assert reason(tmp_path, "n") == "it was made by another model"


def test_flipped_bits_and_truncation_are_detected(tmp_path: Path) -> None:
    """Header and payload, at regular offsets: hnswlib would crash instead of raising."""
    save_snapshot(tmp_path, index(), "m", 1, "")
    header, payload = sorted(tmp_path.iterdir(), key=lambda path: path.suffix)
    for path, step in ((header, 5), (payload, 307)):
        intact = path.read_bytes()
        for offset in range(0, len(intact), step):
            flipped = bytearray(intact)
            flipped[offset] ^= 1 << (offset % 8)
            path.write_bytes(flipped)
            assert reason(tmp_path)
            if offset % (step * 5) == 0:
                path.write_bytes(intact[:offset])
                assert reason(tmp_path)
        path.write_bytes(intact)
    assert loaded(tmp_path)


@pytest.mark.parametrize("which", [".head", ".hnsw"])
def test_an_unreadable_file_is_reported(tmp_path: Path, which: str) -> None:
    save_snapshot(tmp_path, index(), "m", 1, "")
    file = next(path for path in tmp_path.iterdir() if path.suffix == which)
    file.unlink()
    file.mkdir()
    assert "cannot be read" in reason(tmp_path)


def test_the_verified_bytes_are_loaded_even_if_a_save_reuses_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_snapshot(tmp_path, index(), "m", 1, "")
    original_load = VectorIndex.load

    def load_after_two_saves(path: Path, *rest: object) -> VectorIndex:
        for seq in (2, 3):  # the second reuses the name that is being loaded
            save_snapshot(tmp_path, index(20), "m", seq, "")
        return original_load(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(VectorIndex, "load", load_after_two_saves)
    assert loaded(tmp_path).vector_index.live_count == 53


def test_a_missing_directory_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="could not be saved") as caught:
        save_snapshot(tmp_path / "absent", index(), "m", 1, "")
    assert "Free some space" in caught.value.remedy


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """Limit the size of files, to make writes fail as on a full disk. hnswlib does not report it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("limit", [0, 100, 4096])
def test_a_full_disk_is_reported_and_keeps_the_previous_snapshot(tmp_path: Path, limit: int) -> None:
    save_snapshot(tmp_path, index(20), "m", 1, "")
    before = files(tmp_path)
    with file_limit(limit), pytest.raises(ResourceError, match=r"bytes were written|too large|cannot|Cannot"):
        save_snapshot(tmp_path, index(), "m", 2, "")
    assert files(tmp_path) == before  # partial files are removed, as space is short
    assert loaded(tmp_path).header.seq == 1


def test_an_unwritable_header_keeps_the_previous_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_snapshot(tmp_path, index(20), "m", 1, "")

    def fail_with_full_disk(path: Path, header: SnapshotHeader, states: bytes) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshot, "_write_header_file", fail_with_full_disk)
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


def test_a_kill_at_any_time_leaves_the_old_or_the_new_snapshot(tmp_path: Path) -> None:
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
    assert len(files(tmp_path)) == 2  # no leftovers accumulate


def test_reading_the_header_imports_neither_numpy_nor_hnswlib(tmp_path: Path) -> None:
    save_snapshot(tmp_path, index(), "m", 5, "")
    code = (
        "import sys; from pathlib import Path; from catalog.similarity.index_file import read_header;"
        "import catalog.client.service;"
        f"assert read_header(Path({os.fspath(tmp_path)!r}), 'm').seq == 5;"
        "assert not {'numpy', 'hnswlib', 'apsw'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

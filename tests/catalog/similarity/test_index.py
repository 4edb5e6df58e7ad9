"""Tests of the similarity index and its lock."""

import threading
from collections.abc import Callable

import numpy as np
import pytest

from catalog.similarity.index import MIN_GROWTH, VectorIndex
from catalog.similarity.rwlock import ReadersWriterLock
from catalog.store.vectors import Floats, Integers
from tests.support.catalog_rows import DIMS, directions


def id_range(start: int, count: int) -> Integers:
    return np.arange(start, start + count, dtype=np.int64)


def filled(count: int) -> tuple[VectorIndex, Floats]:
    index, vectors = VectorIndex(DIMS), directions(count)
    index.add(id_range(1, count), vectors)
    return index, vectors


def test_an_empty_index_returns_no_neighbours() -> None:
    ids, cosines = VectorIndex(DIMS).query(directions(2), 5)
    assert ids.shape == cosines.shape == (2, 0)


def test_each_vector_finds_itself_with_exact_cosines() -> None:
    index, vectors = filled(300)
    ids, cosines = index.query(vectors, 3)
    assert ids[:, 0].tolist() == id_range(1, 300).tolist()
    assert cosines[:, 0] == pytest.approx(1.0, abs=1e-3)
    assert cosines == pytest.approx(np.minimum(np.take_along_axis(vectors @ vectors.T, ids - 1, 1), 1), abs=1e-5)


@pytest.mark.parametrize("deleted", [0, 5, 90, 99, 100])
def test_asking_for_more_than_live_returns_all_live(deleted: int) -> None:
    index, vectors = filled(100)
    index.remove(id_range(1, deleted))
    ids, _ = index.query(vectors[:2], 1000)
    assert [sorted(row) for row in ids.tolist()] == [list(range(deleted + 1, 101))] * 2
    assert (index.live_count, index.deleted_count) == (100 - deleted, deleted)


def test_unreachable_neighbours_are_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    index, vectors = filled(10)
    original_query = index._knn_query

    def narrow(query: Floats, k: int) -> tuple[Integers, Floats]:
        if k > 3:
            raise RuntimeError("Cannot return the results in a contiguous 2D array")
        return original_query(query, k)

    monkeypatch.setattr(index, "_knn_query", narrow)
    ids, cosines = index.query(vectors[:2], 8)
    assert ids.shape == (2, 8)
    assert ids[:, 0].tolist() == [1, 2]
    assert (ids[:, 2:] == -1).all() and (cosines[:, 2:] == -np.inf).all() and (ids[:, :2] > 0).all()


def test_repeated_adds_and_removes_change_each_id_once() -> None:
    index, vectors = filled(50)
    for _ in range(2):
        index.remove(np.array([3, 3, 7, 999], np.int64))
    assert (index.live_count, index.deleted_count, np.flatnonzero(index._states).tolist()) == (
        48,
        2,
        list(range(1, 51)),
    )
    for _ in range(2):
        index.add(np.array([3, 3, 60, 60, 1], np.int64), vectors[[2, 2, 9, 9, 0]])
    assert (index.live_count, index.deleted_count) == (50, 1)
    assert index.live_ids().tolist() == [1, 2, 3, 4, 5, 6, *range(8, 51), 60]
    ids, _ = index.query(vectors[[2]], 50)
    assert sorted(ids[0].tolist()) == index.live_ids().tolist()  # no duplicates, which hnswlib would allow


def test_a_wider_search_restores_the_default_breadth() -> None:
    index, vectors = filled(200)
    wide, _ = index.query(vectors[:1], 5, ef=150)
    assert index._graph.ef == 100
    assert wide.tolist() == index.query(vectors[:1], 5)[0].tolist()


def test_recall_holds_after_replacing_half_of_the_vectors() -> None:
    count, k = 3000, 10
    old, new = directions(count, seed=1, dims=48), directions(count // 2, seed=2, dims=48)
    index = VectorIndex(48, threads=2)
    index.add(id_range(1, count), old)
    index.remove(id_range(1, count // 2))
    index.add(id_range(count + 1, count // 2), new)
    live, vectors = index.live_ids(), np.concatenate([old[count // 2 :], new])
    queries = directions(200, seed=3, dims=48)
    exact = live[np.argsort(-(queries @ vectors.T), axis=1)[:, :k]]
    found, _ = index.query(queries, k)
    recall = np.mean([len(set(a) & set(b)) / k for a, b in zip(exact.tolist(), found.tolist(), strict=True)])
    assert recall >= 0.97


def run_until_stopped(actions: list[Callable[[], None]], stop: threading.Event) -> list[BaseException]:
    failures: list[BaseException] = []

    def loop(action: Callable[[], None]) -> None:
        try:
            while not stop.is_set():
                action()
        except BaseException as error:
            failures.append(error)
            stop.set()

    threads = [threading.Thread(target=loop, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_queries_during_adds_removes_and_resizes_are_exact() -> None:
    """Without the lock, this raises RuntimeError or crashes."""
    stop, index = threading.Event(), VectorIndex(8)
    vectors = directions(3 * MIN_GROWTH, dims=8)
    index.add(id_range(1, 50), vectors[:50])
    starts = iter(range(51, len(vectors) - 64, 64))

    def add() -> None:
        start = next(starts, None)
        if start is None:
            stop.set()
        else:
            index.add(id_range(start, 64), vectors[start - 1 : start + 63])
            index.remove(id_range(start, 5))

    def query() -> None:
        ids, cosines = index.query(vectors[:4], 10)
        assert ids[:, 0].tolist() == [1, 2, 3, 4]
        exact = np.minimum(np.einsum("qd,qkd->qk", vectors[:4], vectors[ids - 1]), 1.0)
        assert cosines == pytest.approx(exact, abs=1e-5)

    assert run_until_stopped([add, query, query, query], stop) == []
    assert index.live_count + index.deleted_count > 2 * MIN_GROWTH  # resized at least twice


def test_readers_share_the_lock_and_a_writer_excludes_them() -> None:
    lock, both = ReadersWriterLock(), threading.Barrier(2, timeout=5)
    wrote = threading.Event()

    def read() -> None:
        with lock.shared():
            both.wait()  # passes only if both hold it at once

    def write() -> None:
        with lock.exclusive():
            wrote.set()

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    with lock.shared():
        writer = threading.Thread(target=write)
        writer.start()
        assert not wrote.wait(0.05)
    assert wrote.wait(5)
    writer.join()


def test_neither_readers_nor_writers_starve() -> None:
    lock, stop, turns = ReadersWriterLock(), threading.Event(), {"read": 0, "write": 0}

    def read() -> None:
        with lock.shared():
            turns["read"] += 1
        stop_when_both_ran()

    def write() -> None:
        with lock.exclusive():
            turns["write"] += 1
        stop_when_both_ran()

    def stop_when_both_ran() -> None:
        if min(turns.values()) > 100:
            stop.set()

    assert run_until_stopped([read, read, read, write, write], stop) == []


def test_an_interrupted_wait_leaves_the_queue() -> None:
    lock = ReadersWriterLock()

    class Interrupt(BaseException):
        pass

    def fail(_: object) -> bool:
        raise Interrupt

    with lock.exclusive():
        original, lock._changed.wait_for = lock._changed.wait_for, fail  # type: ignore[assignment, method-assign]
        with pytest.raises(Interrupt), lock.shared():
            pass
        lock._changed.wait_for = original  # type: ignore[method-assign]
    with lock.exclusive():
        pass

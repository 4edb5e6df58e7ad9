from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.store import vectors
from catalog.store.vectors import exact_nearest_each, pack_vectors, unpack_vectors, vector_changes_after
from tests.support.catalog_rows import DIMS, CatalogBuilder, directions
from tests.support.exact_search import exact_nearest


def test_vectors_are_packed_as_little_endian_float16() -> None:
    assert pack_vectors(np.array([[1.0, -2.0]], np.float32)) == [b"\x00\x3c\x00\xc0"]


def test_every_finite_float16_is_unpacked_exactly() -> None:
    halves = np.arange(65536, dtype=np.uint16).view(np.float16)
    finite = halves[np.isfinite(halves)]
    found = unpack_vectors([finite.astype("<f2").tobytes()], len(finite))[0]
    assert np.array_equal(found.view(np.uint32), finite.astype(np.float32).view(np.uint32))


@pytest.mark.parametrize("damaged", [b"", b"\x00", b"\x00\x3c" * 2, b"\x00\x3c" * 4])
def test_a_row_of_another_length_becomes_zeros_and_the_others_are_unpacked(damaged: bytes) -> None:
    sound = b"\x00\x3c" * 3
    assert unpack_vectors([sound, damaged, sound], 3).tolist() == [[1, 1, 1], [0, 0, 0], [1, 1, 1]]
    assert unpack_vectors([b"\x00\x3c" * 2, b"\x00\x3c" * 4], 3).tolist() == [[0, 0, 0], [0, 0, 0]], "lengths in sum"


@pytest.mark.parametrize("block", [1, 3, 1000])
def test_exact_search_agrees_with_numpy_at_any_block_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(vectors, "BLOCK_ROWS", block)
    builder, stored = CatalogBuilder(tmp_path), directions(40)
    ids = builder.add_images(stored)
    queries = directions(3, seed=1)
    found = exact_nearest_each(builder.db, 1, DIMS, queries, 5)
    for query, hits in zip(queries, found, strict=True):
        expected = np.argsort(-(stored @ query), kind="stable")[:5]
        assert [hit.id for hit in hits] == [ids[at] for at in expected]
        assert [hit.cosine for hit in hits] == pytest.approx((stored @ query)[expected].tolist(), abs=1e-6)


def test_exact_search_returns_contents_and_skips_dead_vectors_and_other_models(tmp_path: Path) -> None:
    builder, stored = CatalogBuilder(tmp_path), directions(3)
    builder.add_content("shifts the content ids away from the vector ids")
    ids = builder.add_images(stored)
    builder.set_live(ids[0], live=False)
    builder.db.run("INSERT INTO model VALUES (2, 'd2', 'other', ?, 'cpu', 1.0, 0.0, NULL, NULL)", DIMS)
    builder.db.run(
        "INSERT INTO vector(content, model, seq, live, data) VALUES (1, 2, 99, 1, ?)", pack_vectors(stored[:1])[0]
    )
    hits = exact_nearest(builder.db, 1, DIMS, stored[0], 10)
    assert {hit.id for hit in hits} == set(ids[1:])
    assert all(hit.content == hit.id + 1 for hit in hits)


def test_equal_cosines_come_by_ascending_id_for_any_k(tmp_path: Path) -> None:
    builder = CatalogBuilder(tmp_path)
    ids = builder.add_images(np.repeat(directions(1), 6, axis=0))
    assert exact_nearest(builder.db, 1, DIMS, directions(1)[0], 0) == []
    assert [hit.id for hit in exact_nearest(builder.db, 1, DIMS, directions(1)[0], 9)] == ids


def test_the_change_log_gives_the_latest_state_of_each_row_by_seq(tmp_path: Path) -> None:
    builder = CatalogBuilder(tmp_path)
    ids = builder.add_images(directions(3))
    builder.set_live(ids[0], live=False)
    changes = vector_changes_after(builder.db, 1, 1, 10)
    assert [(change.id, change.live) for change in changes] == [(ids[1], True), (ids[2], True), (ids[0], False)]
    assert vector_changes_after(builder.db, 1, changes[-1].seq, 10) == []


@settings(deadline=None)
@given(seqs=st.lists(st.integers(1, 5), max_size=12), limit=st.integers(1, 4))
def test_the_change_log_never_splits_a_seq(
    tmp_path_factory: pytest.TempPathFactory, seqs: list[int], limit: int
) -> None:
    builder = CatalogBuilder(tmp_path_factory.mktemp("state"))
    ids = builder.add_images(directions(len(seqs)))
    for id, seq in zip(ids, seqs, strict=True):
        builder.db.run("UPDATE vector SET seq = ? WHERE id = ?", seq, id)
    seen, after = [], 0
    while changes := vector_changes_after(builder.db, 1, after, limit):
        seen += [change.id for change in changes]
        after = changes[-1].seq
    assert sorted(seen) == ids
    builder.db.close()

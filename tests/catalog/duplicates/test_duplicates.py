"""Tests of the copy to keep, of exact duplicates, and of near duplicates by products and by the index."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.duplicates.best_copy import FileCopy, best_copy, copy_rank
from catalog.duplicates.clustering import clusters_of_vectors
from catalog.duplicates.groups import DuplicateGroup, exact_duplicates, near_duplicates
from catalog.duplicates.index_pairs import NearPairFinder, load_current_index
from catalog.errors import UsageError
from catalog.store.vectors import Floats
from tests.support.catalog_rows import DIMS, CatalogBuilder, directions, unit

PHOTO = FileCopy(b"/r/p.jpg", 4_000_000, "jpeg", 4000, 3000, "Acme One", "ok", False, 100, 1, 1)


@pytest.mark.parametrize(
    ("worse", "reason"),
    [
        (replace(PHOTO, width=1600, height=1200), "resized, EXIF kept"),
        (replace(PHOTO, width=160, height=120), "a thumbnail, EXIF kept"),
        (replace(PHOTO, width=1600, height=1200, camera=None), "sent through a messenger"),
        (replace(PHOTO, format="png", bytes=30_000_000, camera=None), "saved again as PNG: larger, not better"),
        (replace(PHOTO, width=5000, height=3750, camera=None), "slightly upscaled"),
        (replace(PHOTO, bytes=1_000_000), "compressed again"),
        (replace(PHOTO, format="webp", bytes=5_000_000, camera=None), "re-encoded"),
        (replace(PHOTO, state="pending"), "being changed"),
        (replace(PHOTO, state="rejected"), "rejected"),
        (replace(PHOTO, away=True), "on an unavailable disk"),
        (replace(PHOTO, away=True, width=8000, height=6000), "better, but on an unavailable disk"),
        (replace(PHOTO, suspect=True), "may be damaged"),
        (replace(PHOTO, suspect=True, width=8000, height=6000), "larger, but may be damaged"),
        (replace(PHOTO, path=b"/#recycle/p"), "in a recycle bin"),
        (replace(PHOTO, path=b"/r/.zfs/snapshot/a/p.jpg", width=8000, height=6000), "larger, but in a snapshot"),
        (replace(PHOTO, mtime_ns=200), "a later copy"),
        (replace(PHOTO, path=b"/r/copies/p.jpg"), "deeper"),
        (replace(PHOTO, path=b"/r/q.jpg"), "later by name, to break the tie"),
        (replace(PHOTO, width=None, height=None), "of unknown size"),
    ],
)
def test_the_photo_is_kept(worse: FileCopy, reason: str) -> None:
    assert best_copy([PHOTO, worse]) == best_copy([worse, PHOTO]) == PHOTO, reason


@pytest.mark.parametrize("change", [{"state": "rejected"}, {"away": True}, {"suspect": True}, {"width": 160}])
def test_any_permanent_copy_beats_one_in_a_recycle_bin(change: dict[str, object]) -> None:
    poor = replace(PHOTO, **change)
    assert best_copy([replace(PHOTO, path=b"/r/@Recycle/p.jpg"), poor]) == poor


def test_a_full_image_without_exif_beats_a_thumbnail_with_it() -> None:
    stripped, thumbnail = replace(PHOTO, camera=None), replace(PHOTO, width=160, height=120)
    assert best_copy([thumbnail, stripped]) == stripped


@pytest.mark.parametrize(("better", "worse"), list(itertools.pairwise(["dng", "png", "heif", "jpeg", "gif"])))
def test_the_format_decides_between_equal_sizes(better: str, worse: str) -> None:
    first, second = replace(PHOTO, format=better, bytes=1), replace(PHOTO, format=worse)
    assert best_copy([second, first]) == first


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            FileCopy,
            path=st.binary(min_size=1, max_size=3),
            bytes=st.integers(0, 3),
            format=st.sampled_from([None, "jpeg", "PNG", "gif", "odd"]),
            width=st.sampled_from([None, 1, 2]),
            height=st.sampled_from([None, 1, 2]),
            camera=st.sampled_from([None, "c"]),
            state=st.sampled_from(["ok", "pending", "rejected", "odd"]),
            away=st.booleans(),
            mtime_ns=st.integers(0, 2),
            volume=st.just(1),
            inode=st.integers(1, 2),
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda candidate: candidate.path,
    ),
    st.randoms(),
)
def test_the_best_copy_does_not_depend_on_the_order(candidates: list[FileCopy], random: object) -> None:
    kept = best_copy(candidates)
    for order in itertools.permutations(candidates):
        assert best_copy(order) == kept
    assert len({copy_rank(candidate) for candidate in candidates}) == len(candidates)


@pytest.fixture
def builder(tmp_path: Path) -> CatalogBuilder:
    return CatalogBuilder(tmp_path)


def test_exact_duplicates_are_ordered_by_wasted_bytes(builder: CatalogBuilder) -> None:
    small, large, single = (
        builder.add_content("s", bytes=10),
        builder.add_content("l", bytes=1000),
        builder.add_content("1"),
    )
    for name, content in [(b"s1", small), (b"s2", small), (b"s3", small), (b"l2", large), (b"l1", large)]:
        builder.add_file(name, content, mtime=int(name[1:]))
    builder.add_file(b"only", single)
    assert list(exact_duplicates(builder.db)) == [
        DuplicateGroup("exact", [b"/r/l1", b"/r/l2"], b"/r/l1", None, 1000),
        DuplicateGroup("exact", [b"/r/s1", b"/r/s2", b"/r/s3"], b"/r/s1", None, 20),
    ]


def test_the_order_holds_across_chunks_of_the_query(builder: CatalogBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.duplicates.copies.CHUNK_CONTENTS", 2)
    for number, size in enumerate([5, 9, 1, 7, 3]):
        content = builder.add_content(str(number), bytes=size)
        for copy in (b"a", b"b"):
            builder.add_file(copy + b"%d" % number, content)
    assert [group.bytes_freed for group in exact_duplicates(builder.db)] == [9, 7, 5, 3, 1]


def test_gone_files_are_not_listed_and_unhealthy_ones_not_kept(builder: CatalogBuilder) -> None:
    first, second = builder.add_content("1"), builder.add_content("2")
    builder.add_file(b"a", first)
    builder.add_file(b"b", first, state="gone")
    builder.add_file(b"c", second, state="pending", mtime=1)
    builder.add_file(b"d", second, mtime=9)
    assert [(group.keep, group.paths) for group in exact_duplicates(builder.db)] == [(b"/r/d", [b"/r/d", b"/r/c"])]


def test_hard_links_free_no_bytes(builder: CatalogBuilder) -> None:
    linked, copied = builder.add_content("1", bytes=900), builder.add_content("2", bytes=5)
    for name, content, inode in [
        (b"a", linked, 7),
        (b"b", linked, 7),
        (b"c", copied, 8),
        (b"d", copied, 9),
        (b"e", copied, 9),
    ]:
        builder.add_file(name, content, inode=inode)
    assert [(group.keep, group.bytes_freed) for group in exact_duplicates(builder.db)] == [(b"/r/c", 5), (b"/r/a", 0)]


def angled(base: Floats, degrees: float) -> Floats:
    """Return a vector in the plane of the first two axes, rotated by an angle."""
    angle = np.radians(degrees)
    x, y, *_ = base
    rotated = np.zeros(DIMS, np.float32)
    rotated[:2] = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    return unit(rotated)


EAST = angled(np.array([1.0, 0.0], np.float32), 0)


def at(degrees: float) -> Floats:
    return angled(EAST, degrees)


BOTH_METHODS = pytest.mark.parametrize("max_exact", [30_000, 0], ids=["products", "index"])


def near_paths(builder: CatalogBuilder, cosine: float, max_exact: int) -> list[list[bytes]]:
    return [group.paths for group in near_duplicates(builder.db, 1, cosine, builder.folder, max_exact)]


@BOTH_METHODS
def test_near_images_are_grouped_with_the_best_first(builder: CatalogBuilder, max_exact: int) -> None:
    builder.add_image("small", at(3), width=10, height=10, bytes=5)
    builder.add_image("large", at(0), width=100, height=100, bytes=700)
    builder.add_image("other", at(90), width=50, height=50)
    (group,) = near_duplicates(builder.db, 1, 0.99, builder.folder, max_exact)
    assert (group.kind, group.paths, group.keep, group.bytes_freed) == (
        "near",
        [b"/r/large", b"/r/small"],
        b"/r/large",
        5,
    )
    assert group.cosine == pytest.approx(np.cos(np.radians(3)), abs=1e-3)


@BOTH_METHODS
def test_a_pan_is_not_chained_into_one_group(builder: CatalogBuilder, max_exact: int) -> None:
    for step in range(12):
        builder.add_image(f"pan{step:02}", at(step * 5), width=1000 - step, height=1000)
    groups = near_paths(builder, float(np.cos(np.radians(11))), max_exact)
    assert groups == [[b"/r/pan%02d" % (start + step) for step in range(3)] for start in (0, 3, 6, 9)]


@BOTH_METHODS
def test_all_ok_copies_of_a_near_image_are_listed(builder: CatalogBuilder, max_exact: int) -> None:
    builder.add_image("a", at(0), width=9, height=9, bytes=50)
    builder.add_image("b", at(1), bytes=30)
    builder.add_file(b"b2", 2)
    builder.add_file(b"b3", 2, state="rejected")
    deleted = builder.add_image("c", at(2), bytes=30)
    builder.set_live(deleted, live=False)
    pending = builder.add_content("d")
    builder.add_file(b"d", pending, state="pending")
    builder.add_vector(pending, at(1))
    (group,) = near_duplicates(builder.db, 1, 0.9, builder.folder, max_exact)
    assert (group.paths, group.bytes_freed) == ([b"/r/a", b"/r/b", b"/r/b2"], 60)


@BOTH_METHODS
@pytest.mark.parametrize("count", [0, 1, 3])
def test_without_near_images_there_are_no_groups(builder: CatalogBuilder, max_exact: int, count: int) -> None:
    builder.add_images(np.eye(DIMS, dtype=np.float32)[:count])
    assert near_paths(builder, 0.9, max_exact) == []


def clustered(seed: int) -> Floats:
    random = np.random.default_rng(seed)
    centres = directions(60, seed)
    noise = random.normal(size=(400, DIMS)).astype(np.float32) * random.uniform(0.0, 0.15, size=(400, 1)).astype(
        np.float32
    )
    return unit(centres[random.integers(60, size=400)] + noise)


@pytest.mark.parametrize("seed", range(3))
def test_both_methods_agree_and_members_are_near_their_centre(
    builder: CatalogBuilder, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.duplicates.clustering.BLOCK_ROWS", 64)
    vectors = clustered(seed)
    builder.add_images(vectors)
    by_products, by_index = (
        list(near_duplicates(builder.db, 1, 0.93, builder.folder, max_exact)) for max_exact in (30_000, 0)
    )
    assert [(group.keep, group.paths) for group in by_products] == [(group.keep, group.paths) for group in by_index]
    assert [g.cosine for g in by_products] == pytest.approx([g.cosine for g in by_index], abs=1e-5)
    paths = [path for group in by_products for path in group.paths]
    assert len(paths) == len(set(paths)) > 100
    row_of = {b"/r/p%d" % row: row for row in range(400)}
    for group in by_products:
        cosines = vectors[row_of[group.keep]] @ vectors[[row_of[path] for path in group.paths if path != group.keep]].T
        assert cosines.min() >= 0.93 - 1e-6 and cosines.min() == pytest.approx(group.cosine, abs=1e-5)
    single = [row for path, row in row_of.items() if path not in set(paths)]
    kept = [row_of[group.keep] for group in by_products]
    between = vectors[single + kept] @ vectors[single + kept].T
    np.fill_diagonal(between, 0)
    assert between.max() < 0.93  # no near pair was left ungrouped


@BOTH_METHODS
def test_many_copies_of_one_image_form_one_group(builder: CatalogBuilder, max_exact: int) -> None:
    """There are more copies than the first query to the index returns."""
    builder.add_images(np.concatenate([np.repeat(directions(1), 150, axis=0), directions(50, seed=4)]))
    (group,) = near_duplicates(builder.db, 1, 0.99, builder.folder, max_exact)
    assert len(group.paths) == 150


def test_the_block_size_does_not_change_the_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clustered(9)
    expected = list(clusters_of_vectors(vectors, 0.9))
    for block in (1, 7, 399):
        monkeypatch.setattr("catalog.duplicates.clustering.BLOCK_ROWS", block)
        assert [(found.centre, found.members) for found in clusters_of_vectors(vectors, 0.9)] == [
            (cluster.centre, cluster.members) for cluster in expected
        ]


def test_the_index_is_brought_up_to_date_and_not_written(builder: CatalogBuilder) -> None:
    builder.add_images(directions(20))
    index = load_current_index(builder.db, builder.folder, 1, builder.digest, DIMS)
    assert set(index.live_ids().tolist()) == builder.live_ids()
    assert not list(builder.folder.glob("index-*"))
    assert NearPairFinder(builder.db, 1, index, 0.9999).pairs().left.tolist() == []


@pytest.mark.parametrize(("model", "threshold"), [(2, 0.9), (1, 0.0), (1, 1.1), (1, float("nan"))])
def test_an_unknown_model_or_invalid_threshold_is_refused(
    builder: CatalogBuilder, model: int, threshold: float
) -> None:
    with pytest.raises(UsageError):
        list(near_duplicates(builder.db, model, threshold, builder.folder))

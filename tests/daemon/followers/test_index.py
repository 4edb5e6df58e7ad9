import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from catalog.errors import ResourceError, StoreError
from catalog.similarity import index_file as snapshot
from catalog.similarity import index_tail
from catalog.store.vectors import Floats, unpack_vectors
from daemon.followers import index as follower_module
from daemon.followers.index import IndexFollower
from tests.support.catalog_rows import DIMS, CatalogBuilder, directions
from tests.support.exact_search import exact_nearest
from tests.support.waiting import wait_until


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def started(builder: CatalogBuilder, clock: Clock | None = None) -> IndexFollower:
    follower = IndexFollower(builder.path, builder.folder, 1, builder.digest, builder.dims, clock=clock or Clock())
    follower.start()
    return follower


def caught_up(builder: CatalogBuilder, clock: Clock | None = None) -> IndexFollower:
    follower = started(builder, clock)
    while follower.step():
        pass
    return follower


def live_ids(follower: IndexFollower) -> set[int]:
    """The ids of the contents in the index."""
    return set(follower._current.live_ids().tolist())


@pytest.fixture
def builder(tmp_path: Path) -> Iterator[CatalogBuilder]:
    made = CatalogBuilder(tmp_path)
    yield made
    made.db.close()


def test_the_index_of_an_empty_catalog_is_empty(builder: CatalogBuilder) -> None:
    follower = caught_up(builder)
    assert (follower.size, follower.seq, follower.lag) == (0, 0, 0)
    assert follower.search(directions(1)[0], 5).hits == []


def test_steps_apply_new_changes_and_report_the_lag(builder: CatalogBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower_module, "STEP_ROWS", 10)
    ids = builder.add_images(directions(25))
    follower = started(builder)
    assert (follower.lag, follower.step(), follower.size, follower.lag) == (25, 10, 10, 15)
    assert [follower.step() for _ in range(3)] == [10, 5, 0]
    builder.set_live(ids[3], live=False)
    assert (follower.lag, follower.step(), follower.lag) == (1, 1, 0)
    assert live_ids(follower) == builder.live_ids() == set(ids) - {ids[3]}
    builder.set_live(ids[3], live=True)
    follower.step()
    assert live_ids(follower) == set(ids)


def test_a_vector_of_another_length_does_not_end_the_follower(builder: CatalogBuilder) -> None:
    ids = builder.add_images(directions(5))
    builder.db.run("UPDATE vector SET data = zeroblob(1) WHERE id = ?", ids[2])
    follower = caught_up(builder)
    assert (follower.size, follower.lag) == (5, 0)
    ((nearest, _),) = follower.search(directions(5)[1], 1).hits
    assert nearest == ids[1]


def test_a_dead_vector_is_skipped_until_it_is_live(builder: CatalogBuilder) -> None:
    content = builder.add_content("early")
    id = builder.add_vector(content, directions(1)[0], live=False)
    follower = caught_up(builder)
    assert (follower.size, follower.seq) == (0, 1)
    builder.add_file(b"early", content)
    assert follower.step() == 1
    assert live_ids(follower) == {id}


def test_search_agrees_with_the_exact_search(builder: CatalogBuilder) -> None:
    builder.add_content("shifts the content ids away from the vector ids")
    builder.add_images(directions(200))
    follower = caught_up(builder)
    for query in directions(5, seed=9):
        expected = [(content, cosine) for _, content, cosine in exact_nearest(builder.db, 1, DIMS, query, 7)]
        found = follower.search(query, 7).hits
        assert [content for content, _ in found] == [content for content, _ in expected]
        assert [cosine for _, cosine in found] == pytest.approx([cosine for _, cosine in expected], abs=1e-5)


@pytest.mark.parametrize("k", [-20, -1, 0])
def test_a_search_for_no_contents_returns_none(builder: CatalogBuilder, k: int) -> None:
    builder.add_images(directions(30))
    follower = caught_up(builder)
    assert follower.search(directions(1)[0], k).hits == []
    assert follower._current.query(directions(1), k)[0].shape == (1, 0)


def test_a_query_with_invalid_numbers_ends(builder: CatalogBuilder) -> None:
    builder.add_images(directions(30))
    assert len(caught_up(builder).search(np.full(DIMS, np.nan, np.float32), 5).hits) <= 5


def test_lag_is_available_before_start_and_after_close(builder: CatalogBuilder) -> None:
    builder.add_images(directions(3))
    follower = IndexFollower(builder.path, builder.folder, 1, builder.digest, builder.dims)
    assert follower.lag == 3
    follower.start()
    follower.finish()
    assert follower.lag == 0
    assert snapshot.read_header(builder.folder, builder.digest).seq == 3  # type: ignore[union-attr]


def test_finishing_does_not_wait_for_a_rebuild(builder: CatalogBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower_module, "STEP_ROWS", 4)
    ids = builder.add_images(directions(40))
    follower = caught_up(builder)
    for id in ids[:30]:
        builder.set_live(id, live=False)
    while follower._next is None:
        follower.step()
    builder.add_images(directions(6, seed=3))
    follower.finish()
    assert (follower.lag, follower.size) == (0, 16)
    again = caught_up(builder)
    assert live_ids(again) == builder.live_ids() and again._current.deleted_count == 0


def test_search_never_returns_contents_that_went_after_the_last_step(builder: CatalogBuilder) -> None:
    ids = builder.add_images(directions(50))
    follower = caught_up(builder)
    best = follower.search(directions(1)[0], 3).hits
    assert best[0][0] == 1
    builder.set_live(ids[0], live=False)
    assert follower.search(directions(1)[0], 2).hits == best[1:]


def test_a_restart_applies_only_the_changes_after_the_snapshot(builder: CatalogBuilder) -> None:
    builder.add_images(directions(30))
    caught_up(builder).save()
    builder.add_images(directions(4, seed=5))
    follower = started(builder)
    assert (follower.seq, follower.size, follower.lag, follower.note) == (30, 30, 4, None)
    assert follower.step() == 4
    assert live_ids(follower) == builder.live_ids()


@pytest.mark.parametrize("harm", ["absent", "bit", "cut", "dims"])
def test_a_bad_snapshot_leads_to_a_rebuild_and_a_note(builder: CatalogBuilder, harm: str) -> None:
    builder.add_images(directions(30))
    caught_up(builder).save()
    payload = next(builder.folder.glob("*.hnsw"))
    whole = payload.read_bytes()
    if harm == "absent":
        payload.unlink()
    elif harm == "bit":
        payload.write_bytes(whole[:99] + bytes([whole[99] ^ 16]) + whole[100:])
    elif harm == "cut":
        payload.write_bytes(whole[:-1])
    else:
        builder.dims = 8
        builder.db.run("UPDATE vector SET data = substr(data, 1, 16)")
    follower = caught_up(builder)
    words = {"absent": "cannot be read", "bit": "damaged", "cut": "truncated", "dims": "16 dimensions, not 8"}
    assert follower.note is not None and words[harm] in follower.note
    assert live_ids(follower) == builder.live_ids()
    follower.save()
    assert started(builder).note is None


def test_the_snapshot_of_another_catalog_is_not_used(builder: CatalogBuilder, tmp_path: Path) -> None:
    """Restored from a backup or created again: the same model and a plausible seq, but other images."""
    builder.add_images(directions(30))
    caught_up(builder).save()
    (tmp_path / "second").mkdir()
    second = CatalogBuilder(tmp_path / "second")
    for at, vector in enumerate(directions(40, seed=2)):
        second.add_image(f"other {at}", vector)
    for path in [*tmp_path.glob("index-*")]:
        path.rename(second.folder / path.name)
    follower = caught_up(second)
    assert follower.note is not None and "another catalog" in follower.note
    query = directions(40, seed=2)[11]
    assert follower.search(query, 1).hits[0][0] == exact_nearest(second.db, 1, DIMS, query, 1)[0][1]


def test_a_catalog_restored_to_an_earlier_state_is_noticed(builder: CatalogBuilder) -> None:
    ids = builder.add_images(directions(30))
    caught_up(builder).save()
    builder.db.run("DELETE FROM vector WHERE id > ?", ids[20])
    follower = caught_up(builder)
    assert follower.note is not None and "another catalog" in follower.note
    assert live_ids(follower) == builder.live_ids()


def test_a_restored_catalog_is_noticed_even_if_seq_and_ids_fit(builder: CatalogBuilder, tmp_path: Path) -> None:
    """The writer has passed the snapshot's seq, and all but two ids belong to the same images."""
    vectors, others = directions(200), directions(2, seed=9)
    builder.add_images(vectors[:100])
    builder.db.shrink_log()
    copy = builder.path.read_bytes()
    builder.add_images(vectors[100:])
    caught_up(builder).save()
    builder.db.close()
    for path in tmp_path.glob("catalog.db*"):
        path.unlink()
    builder.path.write_bytes(copy)
    again = CatalogBuilder(tmp_path)
    for at, vector in enumerate(vectors[100:]):
        again.add_image(f"p{100 + at}", others[at - 50] if at in (50, 51) else vector)
    again.add_image("one more", others[0])
    follower = caught_up(again)
    assert follower.note is not None and "another catalog" in follower.note
    assert follower.search(others[1], 1).hits[0][0] == exact_nearest(again.db, 1, DIMS, others[1], 1)[0][1]
    follower.save()
    assert started(CatalogBuilder(tmp_path)).note is None, (
        "a snapshot of an earlier branch holds as long as none left before it"
    )


def test_a_save_is_due_after_a_tenth_of_changes_or_five_quiet_minutes(builder: CatalogBuilder) -> None:
    clock = Clock()
    builder.add_images(directions(100))
    follower = caught_up(builder, clock)
    assert follower.save_due()
    follower.save()
    assert not follower.save_due()
    builder.add_images(directions(9, seed=3))
    follower.step()
    assert not follower.save_due()
    clock.now += 299
    assert not follower.save_due()
    clock.now += 2
    assert follower.save_due()
    follower.save()
    builder.add_images(directions(13, seed=4))
    follower.step()
    assert follower.save_due()


def test_without_changes_no_snapshot_is_written(builder: CatalogBuilder) -> None:
    builder.add_images(directions(5))
    caught_up(builder).save()
    before = [path.stat().st_mtime_ns for path in builder.folder.glob("index-*")]
    again = caught_up(builder)
    again.save()
    assert [path.stat().st_mtime_ns for path in builder.folder.glob("index-*")] == before


def test_after_a_third_is_deleted_a_new_index_is_built_while_the_old_one_answers(
    builder: CatalogBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower_module, "STEP_ROWS", 16)
    ids = builder.add_images(directions(100))
    follower = caught_up(builder)
    for id in ids[:30]:
        builder.set_live(id, live=False)
    while follower.step():
        pass
    assert follower._current.deleted_count == 30 and not follower.rebuild_due()
    builder.set_live(ids[30], live=False)
    steps = 0
    while follower.step():
        steps += 1
        assert follower.search(directions(100)[50], 1).hits[0][0] == 51
    assert steps > 3
    assert (follower._current.deleted_count, follower.size, follower.lag) == (0, 69, 0)
    assert live_ids(follower) == builder.live_ids()
    assert follower.save_due()


def test_vectors_dead_from_the_start_do_not_cause_endless_rebuilds(builder: CatalogBuilder) -> None:
    ids = builder.add_images(directions(10))
    follower = caught_up(builder)
    for id in ids:
        builder.set_live(id, live=False)
    steps = 0
    while follower.step():
        steps += 1
        assert steps < 20
    assert (follower.size, follower._current.deleted_count) == (0, 0)


def run(follower: IndexFollower, stop: threading.Event, wake: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=follower.run, args=(stop, wake))
    thread.start()
    return thread


def test_run_follows_when_woken_and_saves_at_the_end(builder: CatalogBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower_module, "IDLE_SECONDS", 60.0)
    stop, wake = threading.Event(), threading.Event()
    follower = started(builder)
    thread = run(follower, stop, wake)
    builder.add_images(directions(20))
    wake.set()
    assert wait_until(lambda: follower.size == 20)
    builder.add_images(directions(1, seed=8))
    wake.set()
    assert wait_until(lambda: follower.size == 21)
    stop.set()
    wake.set()
    thread.join(5)
    assert not thread.is_alive()
    again = started(builder)
    assert (again.size, again.lag) == (21, 0)


def test_a_failed_save_is_noted_and_retried_later(builder: CatalogBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    def full(*_: object) -> None:
        attempts.append(1)
        raise ResourceError("the index snapshot could not be saved", "Free some space.")

    clock, stop, wake = Clock(), threading.Event(), threading.Event()
    builder.add_images(directions(20))
    follower = started(builder, clock)
    with monkeypatch.context() as patch:
        patch.setattr(follower_module, "save_snapshot", full)
        patch.setattr(follower_module, "IDLE_SECONDS", 0.001)
        thread = run(follower, stop, wake)
        assert wait_until(lambda: attempts)
        time.sleep(0.05)
        assert len(attempts) == 1  # not once a turn
        assert follower.note == "the index snapshot could not be saved. Free some space."
        clock.now += 61
        assert wait_until(lambda: len(attempts) == 2)
    clock.now += 61
    assert wait_until(lambda: snapshot.read_header(builder.folder, "d1"))
    stop.set()
    wake.set()
    thread.join(5)
    assert follower.note is None


def exact(builder: CatalogBuilder, queries: Floats) -> list[list[int]]:
    return [[content for _, content, _ in exact_nearest(builder.db, 1, DIMS, query, 12)] for query in queries]


def found(follower: IndexFollower, queries: Floats) -> list[list[int]]:
    return [[content for content, _ in follower.search(query, 12).hits] for query in queries]


def test_every_answer_is_exact_after_each_step(builder: CatalogBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    """From an empty index, through the deletion of half of it, to the rebuilt one."""
    monkeypatch.setattr(follower_module, "STEP_ROWS", 8)
    ids, queries = builder.add_images(directions(400)), directions(3, seed=9)
    follower = started(builder)
    for lost in ([], ids[::2]):
        for id in lost:
            builder.set_live(id, live=False)
        expected, steps = exact(builder, queries), 0
        assert found(follower, queries) == expected
        while follower.step():
            assert found(follower, queries) == expected, f"{follower.lag} changes were still to come"
            steps += 1
        assert steps >= 25
    assert (follower.size, follower._current.deleted_count) == (200, 0)


def test_a_graph_that_reaches_too_few_vectors_refuses_to_answer(builder: CatalogBuilder) -> None:
    ids = builder.add_images(directions(30))
    follower = caught_up(builder)
    follower._current.remove(np.array(ids[5:15]))
    assert len(follower.search(directions(1)[0], 20).hits) == 20
    for k in (21, 30, 100):
        with pytest.raises(StoreError, match="too few"):
            follower.search(directions(1)[0], k)


def test_every_answer_is_exact_beside_a_thread_that_steps(
    builder: CatalogBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower_module, "STEP_ROWS", 8)
    ids, queries = builder.add_images(directions(800)), directions(5, seed=9)
    stop, wake, follower = threading.Event(), threading.Event(), started(builder)
    thread = run(follower, stop, wake)
    try:
        for lost in ([], ids[::2]):
            for id in lost:
                builder.set_live(id, live=False)
            wake.set()
            expected, level = exact(builder, queries), False
            while not level:
                level = follower.lag == 0 and not follower._current.deleted_count
                assert found(follower, queries) == expected
    finally:
        stop.set()
        wake.set()
        thread.join(10)
    assert live_ids(follower) == builder.live_ids()


class Life(RuleBasedStateMachine):
    """After any sequence of changes, an index that has caught up contains exactly the live vector ids."""

    folders: "pytest.TempPathFactory"

    def __init__(self) -> None:
        super().__init__()
        self.builder = CatalogBuilder(self.folders.mktemp("life"))
        self.ids: list[int] = []
        self.follower = started(self.builder)
        self.chance = np.random.default_rng(0)

    @rule(count=st.integers(1, 12))
    def insert(self, count: int) -> None:
        self.ids += self.builder.add_images(directions(count, seed=int(self.chance.integers(1 << 30))))

    @rule()
    def insert_dead(self) -> None:
        name = f"dead {len(self.ids)}"
        content = self.builder.add_content(name)
        self.builder.add_file(name.encode(), content, state="gone")
        self.ids.append(self.builder.add_vector(content, directions(1)[0], live=False))

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), live=st.booleans())
    def flip(self, data: st.DataObject, live: bool) -> None:
        for id in data.draw(st.lists(st.sampled_from(self.ids), min_size=1, max_size=8)):
            self.builder.set_live(id, live)

    @rule()
    def step(self) -> None:
        self.follower.step()

    @rule()
    def save(self) -> None:
        self.follower.save()

    @rule()
    def killed_and_restarted(self) -> None:
        self.follower.close()
        self.follower = started(self.builder)

    @rule()
    def snapshot_lost(self) -> None:
        for path in self.builder.folder.glob("index-*"):
            path.unlink()

    @rule()
    def caught_up(self) -> None:
        while self.follower.step():
            pass
        assert live_ids(self.follower) == self.builder.live_ids()
        assert self.follower.lag == 0
        assert self.follower._current.deleted_count <= 0.3 * (self.follower.size + self.follower._current.deleted_count)
        if self.follower.size:
            query = directions(1, seed=5)[0]
            assert {content for content, _ in self.follower.search(query, 1000).hits} == {
                row[0] for row in self.builder.db.rows("SELECT content FROM vector WHERE live = 1")
            }

    @rule(k=st.integers(1, 40))
    def asked_at_any_moment(self, k: int) -> None:
        query = directions(1, seed=5)[0]
        expected = exact_nearest(self.builder.db, 1, DIMS, query, k)
        behind = self.builder.db.value("SELECT count(*) FROM vector WHERE seq > ?", self.follower.seq)
        if behind >= index_tail.MAX_TAIL_CHANGES:
            with pytest.raises(StoreError, match="yet to apply"):
                self.follower.search(query, k)
            return
        answer = self.follower.search(query, k)
        assert [cosine for _, cosine in answer.hits] == pytest.approx([hit[2] for hit in expected], abs=1e-5)
        for content, cosine in answer.hits:  # several of them have the same vector: which of those is not told
            (data,) = self.builder.db.row("SELECT data FROM vector WHERE live = 1 AND content = ?", content) or (b"",)
            assert cosine == pytest.approx(float(unpack_vectors([data], DIMS)[0] @ query), abs=1e-5)
        assert answer.seq == self.builder.db.value("SELECT coalesce(max(seq), 0) FROM vector")

    @invariant()
    def never_ahead(self) -> None:
        assert self.follower.seq <= self.builder.db.value("SELECT seq FROM clock")

    def teardown(self) -> None:
        self.caught_up()
        self.follower.close()
        self.builder.db.close()


def test_the_index_contains_the_live_vectors_after_any_history(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower_module, "STEP_ROWS", 5)
    monkeypatch.setattr(index_tail, "MAX_TAIL_CHANGES", 20)
    Life.folders = tmp_path_factory
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )

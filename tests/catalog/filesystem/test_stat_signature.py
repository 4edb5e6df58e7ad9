"""Conversion of stat results to stored signatures."""

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog.filesystem.stat_signature import Signature, make_signature
from catalog.store.database import Database
from tests.support.catalog_rows import CatalogBuilder

Numbers = tuple[int, int, int, int]
S = 10**9
WRAP = 1 << 64

# linux/time64.h, linux/fs.h: 64 signed bits of seconds with 0 to 999,999,999 ns; loff_t; 64 unsigned bits.
INTERESTING = [-(1 << 63) * S, -11_644_473_600 * S, -(1 << 63), 0, (1 << 63) - 1, 15_032_385_535 * S, (1 << 63) * S - 1]
times = st.one_of(
    st.builds(lambda second, rest: second * S + rest, st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, S - 1)),
    st.builds(
        lambda at, off, turns: at + off + turns * WRAP,
        st.sampled_from(INTERESTING),
        st.integers(-2, 2),
        st.integers(-1, 1),
    ).filter(lambda at: -(1 << 63) * S <= at < (1 << 63) * S),
)
inodes = st.one_of(st.integers(0, WRAP - 1), st.sampled_from([0, 1, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, WRAP - 1]))
numbers = st.tuples(st.integers(0, (1 << 63) - 1), times, times, inodes)
ordinary = st.tuples(*(st.integers(0 if at in (0, 3) else -(1 << 63), (1 << 63) - 1) for at in range(4)))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A catalog with one file."""
    builder = CatalogBuilder(tmp_path_factory.mktemp("state"))
    builder.add_file(b"a", builder.add_content("a"))
    yield builder.db
    builder.db.close()


def equal_in_tables(database: Database, one: Signature, other: Signature) -> list[int]:
    """Return for each number of `other` whether it equals that of a row that holds `one`."""
    database.run("UPDATE file SET size = ?, mtime_ns = ?, ctime_ns = ?, inode = ?", *one)
    assert database.row("SELECT size, mtime_ns, ctime_ns, inode FROM file") == one
    return list(database.row("SELECT size = ?, mtime_ns = ?, ctime_ns = ?, inode = ? FROM file", *other) or ())


@given(numbers, numbers)
@example((0, 0, 0, 0), (0, WRAP, -WRAP, WRAP - 1))
@example((0, (1 << 63) - 1, -(1 << 63), 1 << 63), (0, 1 << 63, -(1 << 63) - 1, (1 << 63) - 1))
def test_different_numbers_stay_different_when_stored(database: Database, one: Numbers, other: Numbers) -> None:
    equal = [a == b for a, b in zip(one, other, strict=True)]
    assert [a == b for a, b in zip(make_signature(*one), make_signature(*other), strict=True)] == equal
    assert equal_in_tables(database, make_signature(*one), make_signature(*other)) == equal
    assert equal_in_tables(database, make_signature(*one), make_signature(*one)) == [1, 1, 1, 1]


@given(ordinary)
def test_numbers_that_fit_64_signed_bits_are_stored_unchanged(seen: Numbers) -> None:
    assert make_signature(*seen) == seen


@given(times, times, st.integers(0, WRAP - 1))
def test_the_original_numbers_can_be_recovered(mtime_ns: int, ctime_ns: int, inode: int) -> None:
    stored = make_signature(1, mtime_ns, ctime_ns, inode)
    assert (int(stored.mtime_ns), int(stored.ctime_ns), stored.inode % WRAP) == (mtime_ns, ctime_ns, inode)

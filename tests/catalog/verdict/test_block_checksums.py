"""What of old bytes stands in new ones; which bit was flipped."""

import hashlib
import random
import zlib

import pytest

from catalog.verdict.bit_flip import find_bit_flip
from catalog.verdict.block_checksums import MAX_BLOCKS, BlockComparison, block_checksums, compare_blocks


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def compare(old: bytes, new: bytes) -> BlockComparison:
    found = compare_blocks(block_checksums(old), len(old), hashlib.sha256(old).digest(), new)
    assert found is not None
    return found


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 16384, 16385, 99_999, 1 << 20])
def test_sums_are_few_and_small(size: int) -> None:
    stored = block_checksums(noise(size))
    assert len(stored) <= 1 + 4 * MAX_BLOCKS
    assert (1 << stored[0]) >= 16
    assert len(stored) == 1 + 4 * -(-size // (1 << stored[0]))


@pytest.mark.parametrize("size", [1, 2, 511, 513, 5000, 70_001])
@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_bit_is_found_exactly(size: int, seed: int) -> None:
    old = noise(size)
    bit = (0, 8 * size - 1, *(random.Random(seed).randrange(8 * size) for _ in range(2)))[seed]
    new = bytearray(old)
    new[bit // 8] ^= 1 << bit % 8
    assert compare(old, bytes(new)).flip == bit


def test_two_flipped_bits_are_not_one() -> None:
    old = noise(5000)
    new = bytearray(old)
    new[4000] ^= 3
    found = compare(old, bytes(new))
    assert found.flip is None
    assert found.in_place
    assert (found.first, found.last) == (3840, 4096)


def test_a_pattern_that_no_bit_makes() -> None:
    assert find_bit_flip(0, 0, 512) is None
    assert find_bit_flip(zlib.crc32(b"two words") ^ zlib.crc32(b"and more!"), 0, 9) is None


def test_a_chance_hit_is_not_taken_for_a_flip() -> None:
    """The CRC alone is no proof: another SHA-256 of the old bytes refutes it."""
    old = noise(5000)
    new = bytearray(old)
    new[10] ^= 1
    found = compare_blocks(block_checksums(old), len(old), bytes(32), bytes(new))
    assert found is not None
    assert found.flip is None


def test_a_zeroed_sector_has_edges_on_the_grid() -> None:
    old = noise(40_000)
    assert compare(old, old[:8192] + bytes(4096) + old[12288:]).holes == 4096
    assert compare(old, old[:8200] + bytes(4096) + old[12296:]).holes == 0


def test_bytes_that_moved_still_stand() -> None:
    old = noise(40_000)
    for new in (old[:17_000] + old[17_512:], old[:17_000] + b"x" * 100 + old[17_000:]):
        found = compare(old, new)
        assert not found.in_place
        assert found.leading == 16_384
        assert found.trailing > 20_000
        assert 0.9 < found.share < 1


def test_a_cut_file_stands_up_to_the_cut() -> None:
    old = noise(40_000)
    found = compare(old, old[:20_000])
    assert (found.leading, found.trailing) == (18_432, 0)


def test_all_old_bytes_stand_in_a_file_that_grew() -> None:
    old = noise(3333)
    assert compare(old, old + b"more").share == 1
    assert compare(old, b"more" + old).share == 1
    assert compare(old, b"").share == 0


def test_repeated_bytes_are_counted_once_at_most() -> None:
    found = compare(bytes(40_000), bytes(30_000))
    assert found.share <= 1
    assert 0 <= found.first <= found.last <= 30_000


def test_what_cannot_be_compared() -> None:
    old = noise(100)
    assert compare_blocks(b"", 100, hashlib.sha256(old).digest(), old) is None
    assert compare_blocks(block_checksums(old), 5000, hashlib.sha256(old).digest(), old) is None
